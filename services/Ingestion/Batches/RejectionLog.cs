using System.Runtime.InteropServices;
using EasySmart.Ingestion.Parsing;
using EasySmart.Ingestion.Quotas;
using Npgsql;

namespace EasySmart.Ingestion.Batches;

/// <summary>What was refused of a device, for one reason.</summary>
/// <param name="TenantId">The tenant that the device belongs to, whatever tenant the topic names.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="Reason">Why.</param>
/// <param name="Count">How many.</param>
/// <param name="Topic">The topic of one of them.</param>
/// <param name="LastAt">Arrival of the last one.</param>
/// <param name="Over">The quota that refuses them, if one does.</param>
internal sealed record Refusal(Guid TenantId, Guid DeviceId, string Reason, long Count, string Topic, DateTimeOffset LastAt, OverQuota? Over);

/// <summary>Records what was refused: a count for each device, reason and minute, and one sample.</summary>
internal sealed class RejectionLog
{
    /// <summary>Of a longer payload no more is kept.</summary>
    public const int SampleBytes = 256;

    private const int TopicLength = 512;
    private static readonly long Minute = (long)TimeSpan.FromMinutes(1).TotalMicroseconds;
    private readonly Dictionary<(Guid? Tenant, Guid? Device, string Reason, long Minute), (Message Message, ReadOnlyMemory<byte> Sample, long Count, long LastAt)> _counts = [];

    public IEnumerable<(string Reason, long Count)> Counts => _counts.Select(entry => (entry.Key.Reason, entry.Value.Count));

    /// <summary>What the devices themselves can be told: one entry for each device and reason.</summary>
    public IEnumerable<Refusal> OfKnownDevices =>
        from entry in _counts
        where entry.Key.Tenant is not null && entry.Key.Device is not null
        group entry.Value by (Tenant: entry.Key.Tenant!.Value, Device: entry.Key.Device!.Value, entry.Key.Reason) into refused
        let newest = refused.MaxBy(one => one.LastAt)
        select new Refusal(
            refused.Key.Tenant, refused.Key.Device, refused.Key.Reason, refused.Sum(one => one.Count), TopicOf(newest.Message),
            ReadingTime.Of(newest.LastAt), newest.Message.Over);

    public void Add(Message message, string reason, ReadOnlyMemory<byte> sample)
    {
        // To the tenant that the device belongs to, whatever tenant the topic names.
        var key = (
            message.Device?.TenantId,
            message.DeviceId == Guid.Empty ? (Guid?)null : message.DeviceId,
            reason,
            message.ReceivedAt - message.ReceivedAt % Minute);
        ref var entry = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, key, out var known);
        entry = known ? entry with { Count = entry.Count + 1, LastAt = message.ReceivedAt } : (message, sample, 1, message.ReceivedAt);
    }

    public async Task WriteAsync(NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        if (_counts.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(
            """
            INSERT INTO rejections AS r (tenant_id, device_id, reason, minute, count, sample, topic, last_at)
            SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bytea[], $7::text[], $8::timestamptz[])
            ON CONFLICT (tenant_id, device_id, reason, minute) DO UPDATE
            SET count = r.count + excluded.count, last_at = greatest(r.last_at, excluded.last_at)
            """,
            transaction.Connection,
            transaction);
        // In one order everywhere, or two instances would wait for each other's rows.
        var sorted = _counts.OrderBy(e => e.Key.Tenant).ThenBy(e => e.Key.Device)
            .ThenBy(e => e.Key.Reason, StringComparer.Ordinal).ThenBy(e => e.Key.Minute).ToArray();
        command.Parameters.Add(new() { Value = Array.ConvertAll(sorted, e => e.Key.Tenant) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(sorted, e => e.Key.Device) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(sorted, e => e.Key.Reason) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(sorted, e => ReadingTime.Of(e.Key.Minute).UtcDateTime) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(sorted, e => e.Value.Count) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(sorted, e => e.Value.Sample[..Math.Min(SampleBytes, e.Value.Sample.Length)].ToArray()) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(sorted, e => TopicOf(e.Value.Message)) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(sorted, e => ReadingTime.Of(e.Value.LastAt).UtcDateTime) });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    // A broker should not let them through, and a text column would not take them.
    private static string TopicOf(Message message)
    {
        var cut = message.Topic.Length <= TopicLength ? message.Topic : message.Topic[..TopicLength];
        return string.Create(cut.Length, cut, static (to, from) =>
        {
            for (var i = 0; i < from.Length; i++)
            {
                to[i] = from[i] == '\0' || char.IsSurrogate(from[i]) ? '\uFFFD' : from[i];
            }
        });
    }
}
