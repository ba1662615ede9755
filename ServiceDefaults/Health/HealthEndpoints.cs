using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
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

        app.MapHealthChecks("/health/ready", new HealthCheckOptions { ResponseWriter = WriteReadyAsync }).AllowAnonymous().DisableHttpMetrics();
    }

    private static Task WriteReadyAsync(HttpContext context, HealthReport report)
    {
        var checks = report.Entries.ToDictionary(e => e.Key, e => e.Value.Status == HealthStatus.Healthy ? "ok" : "error");
        var now = context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        return context.Response.WriteAsJsonAsync(
            new Ready(report.Status == HealthStatus.Healthy ? "ok" : "degraded", checks, now), Json.Options, context.RequestAborted);
    }

    internal sealed record Alive(string Status, DateTimeOffset Timestamp);

    internal sealed record Ready(string Status, IReadOnlyDictionary<string, string> Checks, DateTimeOffset Timestamp);
}
