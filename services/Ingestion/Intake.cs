using System.Threading.Channels;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Parsing;
using EasySmart.Ingestion.Tenants;
using Microsoft.Extensions.Options;

namespace EasySmart.Ingestion;

/// <summary>
/// What every message passes on its way to a batch, whichever way it came: topic, device, payload. Nothing here asks the database or the
/// network; what cannot be decided from memory waits aside.
/// </summary>
internal sealed class Intake
{
    private readonly Channel<Message> _batches;
    private readonly DeviceDirectory _directory;
    private readonly ShutOutTenants _shutOut;
    private readonly WaitingRoom _waiting;

    public Intake(
        IOptions<IngestionOptions> options, DeviceDirectory directory, ShutOutTenants shutOut, WaitingRoom waiting, IngestionMetrics metrics)
    {
        (_directory, _shutOut, _waiting) = (directory, shutOut, waiting);
        // Room for the batch that is filling while one is written. Full means that the sources wait, and the broker with them.
        _batches = Channel.CreateBounded<Message>(new BoundedChannelOptions(2 * options.Value.BatchRows)
        {
            SingleReader = true,
            FullMode = BoundedChannelFullMode.Wait,
        });
        metrics.Show("telemetry.channel.depth", "Messages parsed and not yet in a batch", () => _batches.Reader.Count);
    }

    /// <summary>Messages for the batches, in the order of their arrival for each device.</summary>
    public ChannelReader<Message> Batches => _batches.Reader;

    /// <summary>Takes a message in; waits while there is no room.</summary>
    public ValueTask AcceptAsync(Message message, CancellationToken cancellation)
    {
        var wrong = TelemetryTopic.Parse(message.Topic, out var topic);
        (message.TenantId, message.DeviceId, message.Slot, message.Rejection) = (topic.TenantId, topic.DeviceId, topic.Slot, wrong);
        if (topic.DeviceId == Guid.Empty)
        {
            return _batches.Writer.WriteAsync(message, cancellation);
        }

        // Who comes after one that waits, waits too: the order is kept for each device.
        return !_waiting.Holds(topic.DeviceId) && TryDecide(message)
            ? _batches.Writer.WriteAsync(message, cancellation)
            : _waiting.AddAsync(message, ReleaseAsync, cancellation);
    }

    /// <summary>No more messages come: the batches end with those that are in.</summary>
    public void Complete() => _batches.Writer.TryComplete();

    private async ValueTask<bool> ReleaseAsync(Message message, CancellationToken cancellation)
    {
        if (!TryDecide(message))
        {
            return false;
        }

        await _batches.Writer.WriteAsync(message, cancellation);
        return true;
    }

    /// <summary>Makes a reading or a rejection of it; false when the device's owner must be asked first.</summary>
    private bool TryDecide(Message message)
    {
        var verdict = _directory.Judge(message.TenantId, message.DeviceId, out var device, out var refusal);
        if (verdict == Verdict.AskOwner)
        {
            return false;
        }

        message.Device = device;
        refusal ??= _shutOut.Contains(message.TenantId) ? Rejections.TenantSuspended : null;
        message.Rejection = refusal ?? message.Rejection;
        if (message.Rejection is null)
        {
            message.Rejection = PayloadReader.Read(message.Payload.Span, message.ReceivedAt, out var payload);
            (message.Form, message.Value, message.HasOwnTime) = (payload.Form, payload.Value, payload.Time is not null);
            message.Time = payload.Time ?? message.ReceivedAt;
        }

        return true;
    }
}
