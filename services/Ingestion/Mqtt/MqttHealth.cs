using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace EasySmart.Ingestion.Mqtt;

/// <summary>Readiness check <c>mqtt</c>: connected to the broker, and subscribed if it is to be.</summary>
internal sealed class MqttHealth(TelemetrySession session) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(session.IsUp ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy());
}
