using EasySmart.Ingestion.Announcements;
using EasySmart.Ingestion.Batches;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Mqtt;
using EasySmart.Ingestion.Quotas;
using EasySmart.Ingestion.Reconciliation;
using EasySmart.Ingestion.Rejected;
using EasySmart.Ingestion.Retention;
using EasySmart.Ingestion.Rollups;
using EasySmart.Ingestion.Tenants;
using EasySmart.Ingestion.Usage;
using EasySmart.Ingestion.Webhook;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace EasySmart.Ingestion;

/// <summary>The parts of the path from broker to commit.</summary>
internal static class IngestionServices
{
    public static void AddIngestion(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<MqttOptions>().BindConfiguration("Mqtt").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<IngestionOptions>().BindConfiguration("Ingestion").ValidateDataAnnotations()
            .Validate<IOptions<MqttOptions>>(
                (limits, mqtt) => limits.WaitingMessages + limits.LateMessages < mqtt.Value.ReceiveMaximum,
                "Ingestion:WaitingMessages and :LateMessages must be below Mqtt:ReceiveMaximum, or what waits aside stops all others")
            .Validate<IOptions<MqttOptions>>(
                (limits, mqtt) => limits.OutageSeconds * 2 > mqtt.Value.KeepAliveSeconds,
                "Ingestion:OutageSeconds must be more than half of Mqtt:KeepAliveSeconds, at which an idle broker is heard")
            .ValidateOnStart();
        builder.AddServiceKey();
        services.AddOptions<DeviceOwnerOptions>().Configure<IConfiguration>((owner, configuration) =>
            owner.Address = configuration["services:device-provisioning:http:0"] is { Length: > 0 } address ? new Uri(address) : null)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddHttpClient(DeviceOwner.Client, (provider, client) =>
        {
            var owner = provider.GetRequiredService<IOptions<DeviceOwnerOptions>>().Value;
            client.BaseAddress = owner.Address;
            ServiceKey.AddTo(client, provider.GetRequiredService<IConfiguration>());
            client.Timeout = TimeSpan.FromSeconds(5);
        });

        services.AddSingleton<IngestionMetrics>();
        services.AddSingleton<ArrivalClock>();
        services.AddSingleton<DeviceDirectory>();
        services.AddSingleton<DeviceReplica>();
        services.AddSingleton<ShutOutTenants>();
        services.AddSingleton<TenantQuotas>();
        services.AddSingleton<Outages>();
        services.AddSingleton<QuotaGate>();
        services.AddHostedService<Heartbeat>();
        services.AddSingleton<DeviceOwner>();
        services.AddSingleton<OwnerInquiry>();
        services.AddSingleton<WaitingRoom>();
        services.AddSingleton<Lanes>();
        services.AddSingleton<Intake>();
        services.AddSingleton<RecentDeliveries>();
        services.AddSingleton<Acknowledger>();
        services.AddSingleton<TelemetrySession>();
        services.AddSingleton<WatchedTenants>();
        services.AddHostedService<WatchListener>();
        services.AddSingleton<BatchWriter>();
        services.AddSingleton<Batcher>();
        services.AddSingleton<Reception>();
        services.AddSingleton<DirectoryKeeper>();
        services.AddHostedService(provider => provider.GetRequiredService<DirectoryKeeper>());
        services.AddHostedService<ReplicaRebuild>();
        builder.AddReplica(ApplyTenantStatus.Replica);
        builder.AddReplica(ApplyTenantQuota.Replica);
        services.AddSingleton<ErrorNotices>();
        services.AddHostedService(provider => provider.GetRequiredService<ErrorNotices>());
        services.AddHostedService<RejectionCleaner>();
        services.AddHostedService<UsageTeller>();
        services.AddHostedService<ReadingRetention>();
        services.AddHostedService<NightlyReconciliation>();
        services.AddHostedService<Roller>();
        services.AddHostedService<TelemetryPipeline>();
        services.AddHealthChecks().AddCheck<MqttHealth>("mqtt", HealthStatus.Unhealthy);
    }
}
