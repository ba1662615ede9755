using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace EasySmart.ServiceDefaults.Health;

/// <summary>
/// <c>/health</c>, <c>/health/live</c> and <c>/health/ready</c> (contract.md §1). A check that fails as unhealthy makes the service not
/// ready (503); one that fails as degraded is shown, and the service goes on answering.
/// </summary>
internal static class HealthEndpoints
{
    internal static void Map(WebApplication app)
    {
        foreach (var path in new[] { "/health", "/health/live" })
        {
            app.MapGet(path, (TimeProvider clock) => TypedResults.Ok(new Alive("ok", clock.GetUtcNow())))
                .AllowAnonymous().DisableHttpMetrics().ExcludeFromDescription();
        }

        // Not MapHealthChecks: it makes every check at once, so that `migrate` would need the settings of servers that it has no use for.
        app.MapGet("/health/ready", ReadyAsync).AllowAnonymous().DisableHttpMetrics().ExcludeFromDescription();
    }

    private static async Task<JsonHttpResult<Ready>> ReadyAsync(
        HttpContext context, HealthCheckService health, TimeProvider clock, CancellationToken cancellation)
    {
        var report = await health.CheckHealthAsync(cancellation);
        context.Response.Headers.CacheControl = "no-store, no-cache";
        return TypedResults.Json(
            new Ready(
                report.Status == HealthStatus.Healthy ? "ok" : "degraded",
                report.Entries.ToDictionary(e => e.Key, e => e.Value.Status == HealthStatus.Healthy ? "ok" : "error"),
                clock.GetUtcNow()),
            statusCode: report.Status == HealthStatus.Unhealthy ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK);
    }

    internal sealed record Alive(string Status, DateTimeOffset Timestamp);

    internal sealed record Ready(string Status, IReadOnlyDictionary<string, string> Checks, DateTimeOffset Timestamp);
}
