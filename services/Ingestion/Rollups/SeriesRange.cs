using Npgsql;

namespace EasySmart.Ingestion.Rollups;

/// <summary>A slot's readings between two times.</summary>
internal sealed record SeriesRange(Guid Tenant, Guid Device, short Slot, DateTime Since, DateTime Until)
{
    /// <summary>Series that are rolled up in one transaction.</summary>
    public const int Most = 500;

    /// <summary>The next page of the series whose latest reading is not before <paramref name="since"/>.</summary>
    public static async Task<IReadOnlyList<SeriesRange>> ReadAsync(
        NpgsqlConnection connection, DateTime since, DateTime until, SeriesRange? after, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT tenant_id, device_id, slot FROM latest
            WHERE time >= $1 AND (tenant_id, device_id, slot) > ($2, $3, $4)
            ORDER BY tenant_id, device_id, slot LIMIT {Most}
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = since },
                new() { Value = after?.Tenant ?? Guid.Empty },
                new() { Value = after?.Device ?? Guid.Empty },
                new() { Value = after?.Slot ?? (short)-1 },
            },
        };
        var series = new List<SeriesRange>();
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            series.Add(new SeriesRange(reader.GetGuid(0), reader.GetGuid(1), reader.GetInt16(2), since, until));
        }

        return series;
    }

    /// <summary>Makes the rollups of these ranges anew from their readings.</summary>
    public static async Task RollUpAsync(IReadOnlyList<SeriesRange> ranges, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        if (ranges.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand("SELECT roll_up($1, $2, $3, $4, $5)", transaction.Connection, transaction)
        {
            // A day of many busy series takes its time.
            CommandTimeout = 600,
            Parameters =
            {
                new() { Value = ranges.Select(r => r.Tenant).ToArray() },
                new() { Value = ranges.Select(r => r.Device).ToArray() },
                new() { Value = ranges.Select(r => r.Slot).ToArray() },
                new() { Value = ranges.Select(r => r.Since).ToArray() },
                new() { Value = ranges.Select(r => r.Until).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
