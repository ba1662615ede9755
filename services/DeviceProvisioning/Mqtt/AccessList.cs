using EasySmart.DeviceProvisioning.Messages;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>One rule, as EMQX 5.8 reads it; the first that matches decides.</summary>
/// <param name="Permission"><c>allow</c> or <c>deny</c></param>
/// <param name="Action"><c>publish</c>, <c>subscribe</c> or <c>all</c></param>
/// <param name="Topic">A topic filter.</param>
public sealed record AccessRule(string Permission, string Action, string Topic);

/// <summary>Who may publish and subscribe to what (contract.md §2). Every list ends by denying the rest.</summary>
public static class AccessList
{
    /// <summary>The services with an account of their own.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<AccessRule>> Services { get; } =
        new Dictionary<string, IReadOnlyList<AccessRule>>(StringComparer.Ordinal)
        {
            ["ingestion"] = [Subscribe("tenants/+/devices/+/telemetry/#"), Publish("tenants/+/devices/+/events/errors"), DenyTheRest],
            ["device-provisioning"] =
                [.. BrokerLogin.Subscriptions.Select(Subscribe), Publish("tenants/+/devices/+/commands/#"), DenyTheRest],
        };

    /// <summary>For who is not let in.</summary>
    public static IReadOnlyList<AccessRule> Nothing { get; } = [DenyTheRest];

    private static AccessRule DenyTheRest => new("deny", "all", "#");

    /// <summary>A device may use its own topics only.</summary>
    public static IReadOnlyList<AccessRule> Of(Guid tenant, Guid device)
    {
        var own = Topics.Of(tenant, device);
        return
        [
            Publish($"{own}/telemetry/#"),
            Publish($"{own}/events/#"),
            Publish($"{own}/status"),
            Subscribe($"{own}/commands/#"),
            Subscribe($"{own}/events/errors"),
            Subscribe($"{own}/telemetry/#"),
            DenyTheRest,
        ];
    }

    private static AccessRule Publish(string topic) => new("allow", "publish", topic);

    private static AccessRule Subscribe(string topic) => new("allow", "subscribe", topic);
}
