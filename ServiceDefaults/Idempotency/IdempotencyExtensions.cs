using System.ComponentModel.DataAnnotations;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.OpenApi;

namespace EasySmart.ServiceDefaults.Idempotency;

/// <summary>Section <c>Idempotency</c>.</summary>
public sealed record IdempotencyOptions
{
    /// <summary>
    /// 32 random bytes in base64, from which the keys that kept answers are encrypted with are derived. Has no default. When it is changed,
    /// the answers kept until then are not found any more.
    /// </summary>
    [Required(ErrorMessage = "Idempotency:Key is not configured")]
    [Base64String(ErrorMessage = "Idempotency:Key is not base64")]
    [MinLength(43, ErrorMessage = "Idempotency:Key is shorter than 32 bytes")]
    public string Key { get; init; } = "";
}

/// <summary>
/// <c>Idempotency-Key</c>: a client that got no answer sends its request again with the same key, and gets the answer to the first one
/// instead of a second effect (draft-ietf-httpapi-idempotency-key-header). Needs the table <c>idempotency_keys</c> in the service's database.
/// </summary>
public static class IdempotencyExtensions
{
    /// <summary>The header's name.</summary>
    public const string Header = "Idempotency-Key";

    /// <summary>Adds what <c>Idempotent</c> on a route needs, and forgets expired keys.</summary>
    public static void AddIdempotency(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<IdempotencyOptions>().BindConfiguration("Idempotency").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<IdempotencySeals>();
        builder.Services.AddCleaning(new Outdated("DELETE FROM idempotency_keys WHERE expires_at <= $1", TimeSpan.Zero));
    }

    /// <summary>
    /// Honours <c>Idempotency-Key</c>, in a transaction of the callers' context: what the handler changes and its answer are committed
    /// together. The handler begins its transaction with <c>BeginTenantAsync</c> or <c>BeginOrJoinAsync</c>, or only calls <c>SaveChangesAsync</c>.
    /// </summary>
    /// <typeparam name="TContext">The context that the handler writes with.</typeparam>
    public static RouteHandlerBuilder Idempotent<TContext>(this RouteHandlerBuilder route) where TContext : DbContext =>
        route.Idempotent(http => ValueTask.FromResult<DbContext>(http.RequestServices.GetRequiredService<TContext>()));

    /// <summary>The same where it depends on the request which context the handler writes with.</summary>
    /// <param name="route">The route.</param>
    /// <param name="contextOf">The request's context: the very one that the handler is given, so one of the request's services.</param>
    public static RouteHandlerBuilder Idempotent(this RouteHandlerBuilder route, Func<HttpContext, ValueTask<DbContext>> contextOf)
    {
        // Around the whole endpoint and not an endpoint filter: a filter comes after the body was read and before the answer is written.
        route.Add(endpoint =>
        {
            var handler = endpoint.RequestDelegate ?? throw new InvalidOperationException("Only routes with a handler can be idempotent");
            endpoint.RequestDelegate = http => IdempotentCall.RunAsync(http, handler, contextOf);
        });
        return route.Produces<ErrorEnvelope>(StatusCodes.Status409Conflict, "application/json").AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = Header,
                In = ParameterLocation.Header,
                Description = "Any text of the client's own, new for each thing to be made: for 24 hours the same request with the same key gets "
                    + "the same answer and makes nothing new. Another request with it is 409.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = 255, Pattern = "^[!-~]+$" },
            });
            return Task.CompletedTask;
        });
    }
}
