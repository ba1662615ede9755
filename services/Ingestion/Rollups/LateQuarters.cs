using EasySmart.Ingestion.Parsing;
using Npgsql;

namespace EasySmart.Ingestion.Rollups;

/// <summary>
/// Marks, in the commit that stores a reading, the quarter that it came too late for. A quarter closes a minute after its end by the
/// database's clock alone: whoever stores a reading before that needs no mark, since <see cref="Roller"/> waits for its transaction.
/// </summary>
internal static class LateQuarters
{
    /// <summary>The minute for which a quarter is still open.</summary>
    public const string Open = "interval '1 minute'";

    // By this instance's clock no more than a guess is made which quarters the database might find closed: it may be two minutes behind.
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);

    /// <summary>The statement; null when nothing is late, which is how it is with live readings.</summary>
    /// <param name="stored">Readings newly stored.</param>
    /// <param name="now">By this instance's clock.</param>
    public static NpgsqlBatchCommand? Of(IReadOnlyList<Reading> stored, DateTimeOffset now)
    {
        var running = Quarter.StartOf(ReadingTime.Micros(now + Margin));
        HashSet<Quarter>? ended = null;
        foreach (var reading in stored)
        {
            if (reading.Time < running)
            {
                (ended ??= []).Add(new Quarter(reading.Message.TenantId, reading.Message.DeviceId, reading.Message.Slot, Quarter.StartOf(reading.Time)));
            }
        }

        if (ended is null)
        {
            return null;
        }

        return new NpgsqlBatchCommand(
            $"""
            INSERT INTO rollups_due (tenant_id, device_id, slot, quarter)
            SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::timestamptz[]) AS ended (tenant_id, device_id, slot, quarter)
            WHERE quarter + interval '15 minutes' + {Open} <= clock_timestamp()
            """)
        {
            Parameters =
            {
                new() { Value = ended.Select(q => q.Tenant).ToArray() },
                new() { Value = ended.Select(q => q.Device).ToArray() },
                new() { Value = ended.Select(q => q.Slot).ToArray() },
                new() { Value = ended.Select(q => ReadingTime.Of(q.Start).UtcDateTime).ToArray() },
            },
        };
    }
}
