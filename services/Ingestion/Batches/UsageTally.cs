using System.Runtime.InteropServices;
using EasySmart.Contracts;
using EasySmart.Contracts.Ingestion;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Ingestion.Batches;

/// <summary>What a batch tells the others, by the outbox and so in its commit: what was used, and which devices were seen.</summary>
internal sealed class UsageTally
{
    private static readonly long Minute = (long)TimeSpan.FromMinutes(1).TotalMicroseconds;
    private readonly Dictionary<(Guid Tenant, long Minute), (long Messages, long Readings, long Bytes)> _usage = [];
    private readonly Dictionary<KnownDevice, long> _seen = [];
    private Message? _counted;

    /// <summary>Counts a reading that was newly stored; those of one message one after the other.</summary>
    public void Add(Reading reading)
    {
        var message = reading.Message;
        ref var used = ref CollectionsMarshal.GetValueRefOrAddDefault(_usage, (message.TenantId, message.ReceivedAt - message.ReceivedAt % Minute), out _);
        used.Readings++;
        used.Bytes += reading.Payload.Length;
        if (ReferenceEquals(message, _counted))
        {
            return;
        }

        _counted = message;
        used.Messages++;
        // A device is told of when it is first seen, and then once a minute at most.
        if (message.Device is { } device && message.ReceivedAt - device.SeenAt >= Minute)
        {
            _seen[device] = message.ReceivedAt;
        }
    }

    /// <summary>The events of the batch; null when it stored nothing.</summary>
    public NpgsqlBatchCommand? Publishing(DateTimeOffset now)
    {
        if (_usage.Count == 0)
        {
            return null;
        }

        var used = new UsageRecorded
        {
            OccurredAt = now,
            Entries = [.. _usage.Select(u => new UsageEntry(u.Key.Tenant, ReadingTime.Of(u.Key.Minute), u.Value.Messages, u.Value.Readings, u.Value.Bytes))],
        };
        // Entries add up, so no order is kept among these events: each has a key of its own.
        List<(IntegrationEvent, string)> events = [(used, $"usage:{used.EventId}")];
        if (_seen.Count > 0)
        {
            var seen = new DevicesSeen
            {
                OccurredAt = now,
                Entries = [.. _seen.Select(s => new SeenEntry(s.Key.TenantId!.Value, s.Key.Id, ReadingTime.Of(s.Value)))],
            };
            events.Add((seen, "seen"));
        }

        return Outbox.Publishing(events);
    }

    /// <summary>The commit went through: the devices need not be told of again for a while.</summary>
    public void Committed()
    {
        foreach (var (device, at) in _seen)
        {
            device.SeenAt = at;
        }
    }
}
