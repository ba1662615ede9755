using EasySmart.Ingestion.Batches;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Parsing;
using EasySmart.Ingestion.Quotas;
using EasySmart.Ingestion.Tenants;

namespace EasySmart.Ingestion;

/// <summary>
/// What every message passes on its way to a batch, whichever way it came: topic, device, payload. Nothing here asks the database or the
/// network; what cannot be decided from memory waits aside.
/// </summary>
internal sealed class Intake(
    DeviceDirectory directory, ShutOutTenants shutOut, TenantQuotas quotas, QuotaGate gate, WaitingRoom waiting, Lanes lanes, OwnerInquiry inquiry)
{
    /// <summary>Takes a message in; waits while there is no room.</summary>
    public ValueTask AcceptAsync(Message message, CancellationToken cancellation)
    {
        ReadTopic(message);
        if (message.DeviceId == Guid.Empty)
        {
            return lanes.WriteAsync(message, cancellation);
        }

        // Who comes after one that waits, waits too: the order is kept for each device.
        return !waiting.Holds(message.DeviceId) && TryDecide(message)
            ? lanes.WriteAsync(message, cancellation)
            : waiting.AddAsync(message, ReleaseAsync, cancellation);
    }

    /// <summary>
    /// Takes in one whose topic is read, of a source that waits by itself: for the device's owner and for room, until it is
    /// <paramref name="cancellation">cancelled</paramref>.
    /// </summary>
    public async ValueTask AcceptOrAskAsync(Message message, CancellationToken cancellation)
    {
        // Of a wrong sender's message nothing else is asked: what its topic says is none of that device's doing.
        while (message.DeviceId != Guid.Empty && message.Rejection != Rejections.SenderMismatch && !TryDecide(message))
        {
            await inquiry.AskAsync(message, cancellation);
        }

        await lanes.WriteAsync(message, cancellation);
    }

    /// <summary>Reads whose message it is, as far as its topic tells.</summary>
    public static void ReadTopic(Message message)
    {
        message.Rejection = TelemetryTopic.Parse(message.Topic, out var topic);
        (message.TenantId, message.DeviceId, message.Slot) = (topic.TenantId, topic.DeviceId, topic.Slot);
    }

    /// <summary>Makes readings or a rejection of it, once; false when the device's owner must be asked first.</summary>
    public bool TryDecide(Message message)
    {
        var verdict = directory.Judge(message.TenantId, message.DeviceId, out var device, out var refusal);
        if (verdict == Verdict.AskOwner)
        {
            return false;
        }

        message.Device = device;
        refusal ??= shutOut.Contains(message.TenantId) ? Rejections.TenantSuspended : null;
        message.Rejection = refusal ?? message.Rejection;
        if (message.Rejection is null)
        {
            var quota = quotas.Find(message.TenantId);
            ReadPayload(message, quota);
            gate.Pass(message, quota);
        }

        return true;
    }

    private async ValueTask<bool> ReleaseAsync(Message message, CancellationToken cancellation)
    {
        if (!TryDecide(message))
        {
            return false;
        }

        await lanes.WriteAsync(message, cancellation);
        return true;
    }

    private static void ReadPayload(Message message, TenantQuota? quota)
    {
        var bounds = TimeBounds.At(message.ReceivedAt, quota?.Retention ?? long.MaxValue);
        message.Rejection = PayloadReader.Read(message.Payload.Span, bounds, out var payload, out var parts)
            ?? (parts is null && payload.Time is null && message.SentAt is { } sent ? bounds.Refusal(sent) : null);
        if (message.Rejection is null)
        {
            message.Readings = parts is null ? [ReadingOf(message, message.Payload, payload, null)] : [.. parts.Select(range =>
            {
                var part = message.Payload[range];
                var refusal = PayloadReader.Read(part.Span, bounds, out var one, out _);
                return ReadingOf(message, part, one, refusal);
            })];
        }
    }

    private static Reading ReadingOf(Message message, ReadOnlyMemory<byte> json, Payload payload, string? refusal) => new(message, json)
    {
        Form = payload.Form,
        Value = payload.Value,
        Time = payload.Time ?? message.SentAt ?? message.ReceivedAt,
        TimeSource = payload.Time is not null ? TimeSource.Own : message.SentAt is not null ? TimeSource.Broker : TimeSource.Arrival,
        Rejection = refusal,
    };
}
