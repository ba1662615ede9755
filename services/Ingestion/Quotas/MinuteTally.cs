using EasySmart.Contracts.Quotas;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Parsing;
using EasySmart.Ingestion.Tenants;
using Npgsql;

namespace EasySmart.Ingestion.Quotas;

/// <summary>What a batch adds to its devices' minutes: the table is told of those where it is due, and tells what all instances have taken.</summary>
internal sealed class MinuteTally(TenantQuotas quotas, DateTimeOffset now)
{
    private readonly Dictionary<Guid, Entry> _devices = [];
    private readonly List<Crossing> _crossings = [];
    private readonly long _now = ReadingTime.Micros(now);
    private Entry[] _due = [];

    /// <summary>Where a device's count, of a minute or of late messages, came to 80 or to 100 percent of the quota, to be told in this commit.</summary>
    public IReadOnlyList<Crossing> Crossings => _crossings;

    public void Add(Message message)
    {
        if (message.Crossed is { } crossing)
        {
            _crossings.Add(crossing);
        }

        if (message.CountedIn == 0)
        {
            return;
        }

        var device = message.Device!;
        // Of a device that changes hands, and of a minute that ended, the newer.
        if (!_devices.TryGetValue(device.Id, out var entry) || entry.Device.Minute != device.Minute || entry.Minute < message.CountedIn)
        {
            var max = quotas.Find(message.TenantId)?.QuotaMsgsPerMin ?? 0;
            _devices[device.Id] = entry = new Entry(device, message.CountedIn, max);
        }

        if (entry.Minute == message.CountedIn)
        {
            _ = message.Rejection == Rejections.QuotaMessages ? entry.Refused++ : entry.Taken++;
        }
    }

    /// <summary>Adds to the table what is due; null when nothing is. What it returns is for <see cref="ReadAsync"/>.</summary>
    public NpgsqlBatchCommand? Writing()
    {
        // In one order everywhere, or two instances would wait for each other's rows.
        _due = [.. _devices.Values.Where(one => (one.Due = one.Device.Minute.Due(one.Minute, one.Taken, one.Refused, _now, one.Max)) is not null)
            .OrderBy(one => one.Device.Id)];
        return _due.Length == 0 ? null : new NpgsqlBatchCommand(
            """
            INSERT INTO device_minutes AS d (device_id, tenant_id, minute, messages, refused, quota)
            SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::integer[])
            ON CONFLICT (device_id) DO UPDATE SET tenant_id = excluded.tenant_id, minute = excluded.minute, quota = excluded.quota,
                messages = excluded.messages + CASE WHEN (d.tenant_id, d.minute) = (excluded.tenant_id, excluded.minute) THEN d.messages ELSE 0 END,
                refused = excluded.refused + CASE WHEN (d.tenant_id, d.minute) = (excluded.tenant_id, excluded.minute) THEN d.refused ELSE 0 END,
                -- What was told is told again after a whole minute that stayed 5 points below.
                level = CASE
                    WHEN d.tenant_id <> excluded.tenant_id OR excluded.quota = 0 THEN 0
                    WHEN d.minute = excluded.minute THEN d.level
                    WHEN d.minute <> excluded.minute - interval '1 minute' OR d.messages * 100 < excluded.quota::bigint * 75 THEN 0
                    WHEN d.messages * 100 < excluded.quota::bigint * 95 THEN least(d.level, 80)
                    ELSE d.level END
            -- A minute that is over counts no more, unless the clock was far ahead.
            WHERE d.minute <= excluded.minute OR d.tenant_id <> excluded.tenant_id OR d.minute > now() + interval '1 minute'
            RETURNING device_id, messages, refused, level
            """)
        {
            Parameters =
            {
                new() { Value = Array.ConvertAll(_due, one => one.Device.Id) },
                new() { Value = Array.ConvertAll(_due, one => one.Device.TenantId!.Value) },
                new() { Value = Array.ConvertAll(_due, one => MinuteWindow.TimeOf(one.Minute)) },
                new() { Value = Array.ConvertAll(_due, one => one.Due!.Value.Taken) },
                new() { Value = Array.ConvertAll(_due, one => one.Due!.Value.Refused) },
                new() { Value = Array.ConvertAll(_due, one => one.Max) },
            },
        };
    }

    /// <summary>Takes in what the table holds now.</summary>
    public async Task ReadAsync(NpgsqlDataReader reader, CancellationToken cancellation)
    {
        while (await reader.ReadAsync(cancellation))
        {
            var entry = _devices[reader.GetGuid(0)];
            var (messages, told) = (reader.GetInt64(1), reader.GetInt16(3));
            var now = (Level: QuotaLevel.Next(QuotaLevel.None, messages, entry.Max), Used: messages);
            var (level, used) = entry.Device.Minute.Untold is var before && before.Level > now.Level ? before : now;
            entry.Row = new MinuteRow(entry.Minute, messages, reader.GetInt64(2), Math.Max(told, level));
            if (level > told && entry.Max > 0)
            {
                _crossings.Add(new Crossing(entry.Device.TenantId!.Value, entry.Device.Id, QuotaLimits.MessagesPerMinute, level, entry.Max, used));
            }
        }
    }

    /// <summary>The commit went through: memory follows the table.</summary>
    public void Committed()
    {
        foreach (var one in _devices.Values)
        {
            if (one is { Row: { } row, Due: { } added })
            {
                one.Device.Minute.Written(row, added, _now);
            }
            else
            {
                one.Device.Minute.Committed(one.Minute, one.Taken, one.Refused);
            }
        }
    }

    private sealed class Entry(KnownDevice device, long minute, int max)
    {
        public KnownDevice Device => device;

        public long Minute => minute;

        public int Max => max;

        public int Taken { get; set; }

        public int Refused { get; set; }

        public (long Taken, long Refused)? Due { get; set; }

        public MinuteRow? Row { get; set; }
    }
}
