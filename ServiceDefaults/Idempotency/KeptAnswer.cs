using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EasySmart.ServiceDefaults.Idempotency;

/// <summary>An answer that can be given again: status, body, and the headers that a client acts on.</summary>
internal sealed record KeptAnswer(int Status, string? ContentType, string? Location, byte[] Body)
{
    public bool IsSuccess => Status is >= 200 and < 300;

    /// <summary>Lets the handler answer, and holds the answer back: it may be told only once it is committed.</summary>
    public static async Task<KeptAnswer> CaptureAsync(HttpContext http, RequestDelegate handler)
    {
        var wire = http.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        using var body = new MemoryStream();
        var held = new StreamResponseBodyFeature(body);
        http.Features.Set<IHttpResponseBodyFeature>(held);
        try
        {
            await handler(http);
            await held.CompleteAsync();
        }
        finally
        {
            http.Features.Set(wire);
        }

        var response = http.Response;
        return new KeptAnswer(response.StatusCode, response.ContentType, response.Headers.Location, body.ToArray());
    }

    public static KeptAnswer FromBytes(byte[] bytes) => JsonSerializer.Deserialize<KeptAnswer>(bytes)!;

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this);

    public async Task WriteAsync(HttpContext http)
    {
        var response = http.Response;
        response.StatusCode = Status;
        response.ContentType = ContentType;
        if (Location is not null)
        {
            response.Headers.Location = Location;
        }

        if (Body.Length > 0)
        {
            response.ContentLength = Body.Length;
            await response.Body.WriteAsync(Body, http.RequestAborted);
        }
    }
}
