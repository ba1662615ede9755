using EasySmart.Ingestion.Parsing;
using Npgsql;

namespace EasySmart.Ingestion.Batches;

/// <summary>
/// The careful path, for a batch with a time that is taken: stores what is new, and tells of the rest whether it is a repeat (changes
/// nothing, counts nothing), a conflict (the first stays, the other is recorded), or a reading that does not say its time, which moves to
/// the next free microsecond.
/// </summary>
internal static class RepeatedReadings
{
    /// <summary>Returns what was newly stored; conflicts come out as rejections.</summary>
    public static async Task<IReadOnlyList<Reading>> StoreAsync(
        IReadOnlyList<Reading> readings, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        var stored = new List<Reading>(readings.Count);
        while (readings.Count > 0)
        {
            var rest = await InsertAsync(readings, stored, transaction, cancellation);
            if (rest.Count == 0)
            {
                break;
            }

            readings = await CompareAsync(rest, transaction, cancellation);
        }

        return stored;
    }

    private static async Task<List<Reading>> InsertAsync(
        IReadOnlyList<Reading> readings, List<Reading> stored, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            $"""
            INSERT INTO readings ({ReadingColumns.Names}) SELECT * FROM {ReadingColumns.Unnest}
            ON CONFLICT DO NOTHING RETURNING tenant_id, device_id, slot, time
            """,
            transaction.Connection,
            transaction);
        ReadingColumns.AddTo(command.Parameters, readings);
        var added = new HashSet<(Guid, Guid, short, long)>();
        await using (var reader = await command.ExecuteReaderAsync(cancellation))
        {
            while (await reader.ReadAsync(cancellation))
            {
                added.Add((reader.GetGuid(0), reader.GetGuid(1), reader.GetInt16(2), ReadingTime.Micros(reader.GetFieldValue<DateTimeOffset>(3))));
            }
        }

        var rest = new List<Reading>();
        foreach (var reading in readings)
        {
            // Of several with one identity in a batch the first was stored.
            (added.Remove((reading.Message.TenantId, reading.Message.DeviceId, reading.Message.Slot, reading.Time)) ? stored : rest).Add(reading);
        }

        return rest;
    }

    /// <summary>Compares with what holds the identity. Returns what must be stored at another time.</summary>
    private static async Task<List<Reading>> CompareAsync(
        List<Reading> rest, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT sent.n, payload_of(r.form, r.value, r.payload, r.time) = payload_of(sent.form, sent.value, sent.payload, sent.time),
                r.received_at = sent.received_at
            FROM {ReadingColumns.Unnest} WITH ORDINALITY AS sent ({ReadingColumns.Names}, n)
            JOIN readings r USING (tenant_id, device_id, slot, time)
            """,
            transaction.Connection,
            transaction);
        ReadingColumns.AddTo(command.Parameters, rest);
        var moved = new List<Reading>();
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            var reading = rest[(int)reader.GetInt64(0) - 1];
            var (same, sameArrival) = (reader.GetBoolean(1), reader.GetBoolean(2));
            if (reading.TimeSource == TimeSource.Own)
            {
                reading.Rejection = same ? null : Rejections.Conflict;
            }
            // The same arrival is this very message, when an earlier commit of it went through and the answer was lost. Otherwise another
            // instance took another message in the same microsecond.
            else if (!(same && ((sameArrival && reading.Message.InDoubt) || reading.TimeSource == TimeSource.Broker)))
            {
                reading.Time++;
                moved.Add(reading);
            }
        }

        return moved;
    }
}
