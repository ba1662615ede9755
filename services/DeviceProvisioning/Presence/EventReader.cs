using System.Net;
using EasySmart.DeviceProvisioning.Mqtt;

namespace EasySmart.DeviceProvisioning.Presence;

/// <summary>Reads what the broker tells.</summary>
public static class EventReader
{
    // A new session of that client id is there, and its own event told of it.
    private static readonly string[] s_replaced = ["takenover", "discarded"];

    /// <summary>Reads an event.</summary>
    /// <param name="told">The event as the broker sent it.</param>
    /// <param name="read">What it says of a device's session; null when it is none of our business.</param>
    /// <returns>False for what is no event at all.</returns>
    public static bool TryRead(BrokerEvent told, out SessionEvent? read)
    {
        read = null;
        if (string.IsNullOrEmpty(told.Event) || string.IsNullOrEmpty(told.Clientid)
            || (told.Timestamp ?? told.ConnectedAt ?? told.DisconnectedAt) is not { } at || !IsTime(at)
            || !IsTime(told.ConnectedAt ?? 0) || !IsTime(told.DisconnectedAt ?? 0))
        {
            return false;
        }

        if (IsClientId(told.Clientid) && IdOf(told, "tenant_id") is { } tenant && IdOf(told, "device_id") is { } device)
        {
            read = Read(told, tenant, device, Time(at));
        }

        return true;
    }

    /// <summary>
    /// Whether a device can have a session under it. The authenticator lets no other in; PostgreSQL has no NUL, and EMQX by default no objection.
    /// </summary>
    public static bool IsClientId(string? text) => text is { Length: > 0 and <= ClientIds.MaxLength }
        && !text.Contains('\0', StringComparison.Ordinal) && !text.StartsWith(ServiceAccounts.Prefix, StringComparison.Ordinal);

    /// <summary>The address of <c>192.0.2.1:5678</c>, <c>[2001:db8::1]:5678</c> or, as EMQX writes it, <c>2001:db8::1:5678</c>.</summary>
    public static string? AddressOf(string? peer)
    {
        var port = peer?.LastIndexOf(':') ?? -1;
        return port > 0 ? Plain(peer![..port]) : null;
    }

    /// <summary>An address as it is shown: an IPv4 address is one, however it came.</summary>
    public static string? Plain(string? address) =>
        IPAddress.TryParse(address?.Trim('[', ']'), out var parsed) ? (parsed.IsIPv4MappedToIPv6 ? parsed.MapToIPv4() : parsed).ToString() : null;

    private static SessionEvent? Read(BrokerEvent told, Guid tenant, Guid device, DateTimeOffset at) => told.Event switch
    {
        "client.connected" => new SessionConnected(told.Clientid!, tenant, device, at)
        {
            Credential = IdOf(told, "credential_id"),
            Username = Text(told.Username),
            Address = AddressOf(told.Peername),
            MayResume = told.CleanStart == false,
            ExpiryInterval = Math.Max(0, told.ExpiryInterval ?? 0),
            ConnectedAt = told.ConnectedAt is { } connected ? Time(connected) : at,
        },
        "client.disconnected" when !s_replaced.Contains(told.Reason) => new SessionDisconnected(told.Clientid!, tenant, device, at)
        {
            Username = Text(told.Username),
            ConnectedAt = told.ConnectedAt is { } connected ? Time(connected) : null,
            Kicked = told.Reason == "kicked",
            ExpiryInterval = told.ExpiryInterval,
        },
        "session.subscribed" => Subscribed(told, tenant, device, at),
        _ => null,
    };

    private static CommandsSubscribed? Subscribed(BrokerEvent told, Guid tenant, Guid device, DateTimeOffset at)
    {
        var own = $"{Topics.Of(tenant, device)}/commands/";
        return told.Topic?.StartsWith(own, StringComparison.Ordinal) != true ? null : told.Topic[own.Length..] switch
        {
            "#" or "+" => new CommandsSubscribed(told.Clientid!, tenant, device, at, null),
            var name => new CommandsSubscribed(told.Clientid!, tenant, device, at, Text(name)),
        };
    }

    private static Guid? IdOf(BrokerEvent told, string attribute) =>
        told.ClientAttrs?.GetValueOrDefault(attribute) is { } text && Guid.TryParse(text, out var id) ? id : null;

    private static string Text(string? text) => text?.Replace("\0", "", StringComparison.Ordinal) ?? "";

    private static bool IsTime(long milliseconds) => milliseconds is >= 0 and < 253_402_300_800_000;

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
