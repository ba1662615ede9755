using Npgsql;

namespace EasySmart.Ingestion.Rollups;

/// <summary>Quarters whose rollups are wrong since late readings came.</summary>
/// <param name="Marks">How many marks they had.</param>
/// <param name="Quarters">How many they are.</param>
/// <param name="Ranges">The same, with neighbours joined.</param>
internal sealed record DueQuarters(int Marks, int Quarters, IReadOnlyList<SeriesRange> Ranges)
{
    /// <summary>Marks that are taken in one transaction.</summary>
    public const int Most = 2000;

    /// <summary>Takes marks, the oldest first. Their readings are visible to the transaction's next statement.</summary>
    public static async Task<DueQuarters> TakeAsync(NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            $"""
            WITH taken AS (
                DELETE FROM rollups_due WHERE id = ANY(ARRAY(SELECT id FROM rollups_due ORDER BY id LIMIT {Most}))
                RETURNING tenant_id, device_id, slot, quarter)
            SELECT tenant_id, device_id, slot, quarter, count(*)::integer FROM taken GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
            """,
            transaction.Connection,
            transaction);
        var (marks, quarters, ranges) = (0, 0, new List<SeriesRange>());
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            var start = reader.GetDateTime(3);
            var quarter = new SeriesRange(reader.GetGuid(0), reader.GetGuid(1), reader.GetInt16(2), start, start.AddMinutes(15));
            (marks, quarters) = (marks + reader.GetInt32(4), quarters + 1);
            if (ranges is [.., var last] && (last.Tenant, last.Device, last.Slot, last.Until) == (quarter.Tenant, quarter.Device, quarter.Slot, start))
            {
                ranges[^1] = last with { Until = quarter.Until };
            }
            else
            {
                ranges.Add(quarter);
            }
        }

        return new DueQuarters(marks, quarters, ranges);
    }
}
