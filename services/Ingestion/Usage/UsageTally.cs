using System.Runtime.InteropServices;
using System.Text.Json;
using EasySmart.Contracts.Ingestion;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Ingestion.Usage;

/// <summary>What a batch leaves in its commit to be told to others: what was used, and which devices were seen.</summary>
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

    /// <summary>Keeps what was used for <see cref="UsageTeller"/>.</summary>
    public NpgsqlBatchCommand Keeping() => new("INSERT INTO used (entries) VALUES ($1)")
    {
        Parameters =
        {
            new()
            {
                Value = JsonSerializer.Serialize(
                    _usage.Select(u => new UsageEntry(u.Key.Tenant, ReadingTime.Of(u.Key.Minute), u.Value.Messages, u.Value.Readings, u.Value.Bytes))),
            },
        },
    };

    /// <summary>Tells which devices were seen; null when it is known of all of them.</summary>
    public NpgsqlBatchCommand? PublishingSeen(DateTimeOffset now) => _seen.Count == 0 ? null : Outbox.Publishing([(
        new DevicesSeen
        {
            OccurredAt = now,
            Entries = [.. _seen.Select(s => new SeenEntry(s.Key.TenantId!.Value, s.Key.Id, ReadingTime.Of(s.Value)))],
        },
        "seen")]);

    /// <summary>The commit went through: the devices need not be told of again for a while.</summary>
    public void Committed()
    {
        foreach (var (device, at) in _seen)
        {
            device.SeenAt = at;
        }
    }
}
