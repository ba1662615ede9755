using System.Net;
using Microsoft.Extensions.Options;

namespace EasySmart.Broker;

/// <summary>The section <c>Broker</c>. Read before the listeners exist, so it validates itself.</summary>
internal sealed record BrokerOptions
{
    private const int ShortestApiKey = 8;

    private const int ShortestApiSecret = 32;

    public string BindAddress { get; init; } = "127.0.0.1";

    public int TcpPort { get; init; } = 1883;

    public int WebSocketPort { get; init; } = 8083;

    /// <summary>Health, metrics and the management API.</summary>
    public int AdminPort { get; init; } = 8107;

    /// <summary>Where DeviceProvisioning answers EMQX's HTTP authentication request.</summary>
    public string AuthenticatorUrl { get; init; } = "";

    public string HookKey { get; init; } = "";

    /// <summary>Where DeviceProvisioning hears of clients that come, go and subscribe. Empty: nobody is told.</summary>
    public string EventsUrl { get; init; } = "";

    /// <summary>Bytes of client events that may wait for their receiver.</summary>
    public int EventQueueSize { get; init; } = 32 * 1024 * 1024;

    /// <summary>Of the management API. Empty, with <see cref="ApiSecret"/>: it answers nobody.</summary>
    public string ApiKey { get; init; } = "";

    public string ApiSecret { get; init; } = "";

    /// <summary>
    /// Client id of the session that must hold a telemetry message before its publisher's PUBACK is sent. Empty: nobody waits.
    /// </summary>
    public string HoldUntilSession { get; init; } = "service/ingestion-1";

    /// <summary>Messages; at nine tenths of it publishers wait.</summary>
    public int ServiceQueueLength { get; init; } = 500_000;

    /// <summary>Messages; a device that does not read loses what comes after, counted and logged.</summary>
    public int DeviceQueueLength { get; init; } = 1_000;

    /// <summary>Unacknowledged messages at an MQTT 3.1.1 client, which cannot say how many it takes.</summary>
    public int DefaultReceiveMaximum { get; init; } = 100;

    /// <summary>Bytes; EMQX's own default.</summary>
    public int MaximumPacketSize { get; init; } = 1024 * 1024;

    public static BrokerOptions Read(IConfiguration configuration)
    {
        var options = configuration.GetSection("Broker").Get<BrokerOptions>() ?? new();
        var problems = options.Problems().ToArray();
        return problems.Length == 0 ? options : throw new OptionsValidationException("Broker", typeof(BrokerOptions), problems);
    }

    private static bool IsHttp(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme is ("http" or "https");

    private IEnumerable<string> Problems()
    {
        if (!IPAddress.TryParse(BindAddress, out _))
        {
            yield return $"Broker:BindAddress must be an IP address, but is '{BindAddress}'.";
        }

        foreach (var (key, port) in new[] { ("TcpPort", TcpPort), ("WebSocketPort", WebSocketPort), ("AdminPort", AdminPort) })
        {
            if (port is < 0 or > ushort.MaxValue)
            {
                yield return $"Broker:{key} must be a port number (0 picks a free one), but is {port}.";
            }
        }

        if (!IsHttp(AuthenticatorUrl))
        {
            yield return $"Broker:AuthenticatorUrl must be an absolute http or https URL, but is '{AuthenticatorUrl}'.";
        }

        if (string.IsNullOrWhiteSpace(HookKey))
        {
            yield return "Broker:HookKey must be set: DeviceProvisioning answers nobody without it.";
        }

        if (EventsUrl.Length > 0 && !IsHttp(EventsUrl))
        {
            yield return $"Broker:EventsUrl must be an absolute http or https URL or empty, but is '{EventsUrl}'.";
        }

        // Never the values: they are secrets. One without the other is a mistake, not a wish.
        if (ApiKey.Length + ApiSecret.Length > 0)
        {
            if (ApiKey.Length < ShortestApiKey || ApiKey.Contains(':', StringComparison.Ordinal))
            {
                yield return $"Broker:ApiKey must have {ShortestApiKey} characters or more and no colon, or be empty as Broker:ApiSecret.";
            }

            if (ApiSecret.Length < ShortestApiSecret)
            {
                yield return $"Broker:ApiSecret must have {ShortestApiSecret} characters or more, or be empty as Broker:ApiKey.";
            }
        }

        if (HoldUntilSession.Length > 0 && !Session.IsServiceId(HoldUntilSession))
        {
            yield return $"Broker:HoldUntilSession must start with 'service/' (others' queues may drop), but is '{HoldUntilSession}'.";
        }

        foreach (var (key, value, most) in new[]
        {
            ("ServiceQueueLength", ServiceQueueLength, 10_000_000), ("DeviceQueueLength", DeviceQueueLength, 1_000_000),
            ("DefaultReceiveMaximum", DefaultReceiveMaximum, ushort.MaxValue), ("MaximumPacketSize", MaximumPacketSize, 268_435_455),
            ("EventQueueSize", EventQueueSize, 1024 * 1024 * 1024),
        })
        {
            if (value < 1 || value > most)
            {
                yield return $"Broker:{key} must be 1 to {most}, but is {value}.";
            }
        }
    }
}
