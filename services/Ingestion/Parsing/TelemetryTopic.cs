namespace EasySmart.Ingestion.Parsing;

/// <summary>The parts of <c>tenants/{uuid}/devices/{uuid}/telemetry/slot/{n}</c>.</summary>
internal readonly record struct TelemetryTopic(Guid TenantId, Guid DeviceId, short Slot)
{
    /// <summary>Other topics of a device may come along with the subscription; they say <see cref="Rejections.BadTopic"/>.</summary>
    private const string Tenants = "tenants/";
    private const string Devices = "/devices/";
    private const string Slots = "/telemetry/slot/";
    private const string Telemetry = "/telemetry/";
    private const int IdLength = 36;

    /// <summary>Parses a topic without allocating. Tenant and device are set as far as they could be read, to tell whose mistake it was.</summary>
    /// <returns>Null, or the reason to refuse the message.</returns>
    public static string? Parse(ReadOnlySpan<char> text, out TelemetryTopic topic)
    {
        topic = default;
        if (!TakeId(ref text, Tenants, out var tenant) || !TakeId(ref text, Devices, out var device)
            || !text.StartsWith(Telemetry, StringComparison.Ordinal))
        {
            return Rejections.BadTopic;
        }

        topic = new TelemetryTopic(tenant, device, 0);
        if (!text.StartsWith(Slots, StringComparison.Ordinal))
        {
            return Rejections.BadTopic;
        }

        if (!TryReadSlot(text[Slots.Length..], out var slot))
        {
            return Rejections.BadSlot;
        }

        topic = topic with { Slot = slot };
        return null;
    }

    private static bool TakeId(ref ReadOnlySpan<char> text, string prefix, out Guid id)
    {
        id = default;
        if (!text.StartsWith(prefix, StringComparison.Ordinal) || text.Length < prefix.Length + IdLength
            || !Guid.TryParseExact(text.Slice(prefix.Length, IdLength), "D", out id))
        {
            return false;
        }

        text = text[(prefix.Length + IdLength)..];
        return true;
    }

    private static bool TryReadSlot(ReadOnlySpan<char> text, out short slot)
    {
        slot = 0;
        if (text.Length is 0 or > 5)
        {
            return false;
        }

        var number = 0;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c))
            {
                return false;
            }

            number = number * 10 + (c - '0');
        }

        slot = (short)number;
        return number <= short.MaxValue;
    }
}
