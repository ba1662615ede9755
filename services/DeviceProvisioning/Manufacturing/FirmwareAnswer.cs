using System.Reflection;
using System.Text.Json;
using EasySmart.ServiceDefaults;
using Microsoft.AspNetCore.Http.Metadata;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>
/// 200 with JSON for firmware that searches it for <c>"key":</c> and keeps fixed buffers (contract.md §1): in one piece with a
/// <c>Content-Length</c>, flat, ASCII, without white space or escapes. What is put into it has been held to that where it came in.
/// </summary>
public sealed record FirmwareAnswer<T>(T Value) : IResult, IStatusCodeHttpResult, IValueHttpResult, IEndpointMetadataProvider where T : notnull
{
    public int? StatusCode => StatusCodes.Status200OK;

    object? IValueHttpResult.Value => Value;

    static void IEndpointMetadataProvider.PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(T), ["application/json"]));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(Value, Json.Options);
        httpContext.Response.ContentType = "application/json";
        httpContext.Response.ContentLength = body.Length;
        await httpContext.Response.Body.WriteAsync(body, httpContext.RequestAborted);
    }
}
