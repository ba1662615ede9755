using System.Runtime.InteropServices;
using EasySmart.Contracts.Ingestion;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Parsing;
using EasySmart.Ingestion.Webhook;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Ingestion.Usage;

/// <summary>What a batch leaves in its commit to be told to others: what was used, and which devices were seen.</summary>
internal sealed class UsageTally
{
    private static readonly long Minute = (long)TimeSpan.FromMinutes(1).TotalMicroseconds;
    private readonly Dictionary<(Guid Tenant, long Minute), (long Messages, long Readings, long Bytes, long Calls)> _usage = [];
    private readonly Dictionary<KnownDevice, long> _seen = [];
    private readonly HashSet<Delivery> _calls = [];

    /// <summary>Counts a reading that was newly stored, and with the first of its message that one.</summary>
    public void Add(Reading reading)
    {
        var message = reading.Message;
        ref var used = ref Of(message.TenantId, message);
        used.Readings++;
        used.Bytes += reading.Payload.Length;
        if (ReferenceEquals(message.CountedBy, this))
        {
            return;
        }

        message.CountedBy = this;
        used.Messages++;
        // A device is told of when it is first seen, and then once a minute at most.
        if (message.Device is { } device && message.ReceivedAt - device.SeenAt >= Minute)
        {
            _seen[device] = message.ReceivedAt;
        }
    }

    /// <summary>
    /// Counts the call that a message came with, once however many messages it brought and commits they are in: to the tenant of the first
    /// one whose device is known, stored or refused.
    /// </summary>
    public void AddCall(Message message)
    {
        if (message.Source is Delivery { IsCounted: false } call && message.Device?.TenantId is { } tenant && _calls.Add(call))
        {
            Of(tenant, message).Calls++;
        }
    }

    /// <summary>Keeps what was used for <see cref="UsageTeller"/>; null when nothing was.</summary>
    public NpgsqlBatchCommand? Keeping() => _usage.Count == 0 ? null : KeptUsage.Of(_usage.Select(u => new UsageEntry(
        u.Key.Tenant, ReadingTime.Of(u.Key.Minute), u.Value.Messages, u.Value.Readings, u.Value.Bytes, WebhookCalls: u.Value.Calls)));

    /// <summary>Tells which devices were seen; null when it is known of all of them.</summary>
    public NpgsqlBatchCommand? PublishingSeen(DateTimeOffset now) => _seen.Count == 0 ? null : Outbox.Publishing([(
        new DevicesSeen
        {
            OccurredAt = now,
            Entries = [.. _seen.Select(s => new SeenEntry(s.Key.TenantId!.Value, s.Key.Id, ReadingTime.Of(s.Value)))],
        },
        "seen")]);

    /// <summary>The commit went through: the devices need not be told of again for a while, and the calls are counted.</summary>
    public void Committed()
    {
        foreach (var call in _calls)
        {
            call.IsCounted = true;
        }

        foreach (var (device, at) in _seen)
        {
            device.SeenAt = at;
        }
    }

    private ref (long Messages, long Readings, long Bytes, long Calls) Of(Guid tenant, Message message) =>
        ref CollectionsMarshal.GetValueRefOrAddDefault(_usage, (tenant, message.ReceivedAt - message.ReceivedAt % Minute), out _);
}
