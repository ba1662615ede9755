using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace EasySmart.DeviceProvisioning.Messages;

/// <summary>Check <c>mqtt</c>: connected to the broker and subscribed. Without it the service stays ready.</summary>
public sealed class MqttHealth(BrokerSession session) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(session.IsUp ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded());
}
