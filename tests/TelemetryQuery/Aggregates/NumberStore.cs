using Npgsql;

namespace EasySmart.TelemetryQuery.Tests.Aggregates;

/// <summary>Stores numbers of the past as ingestion does: the readings, and their rollups.</summary>
internal static class NumberStore
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Stores <c>{"value": number}</c> at each time, and rolls it up.</summary>
    public static async Task StoreNumbersAsync(this QueryHost host, Guid tenant, Guid device, short slot, params (DateTimeOffset Time, double Value)[] numbers)
    {
        await using var batch = host.Ingestion.CreateBatch();
        batch.Add(
            """
            INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, bytes)
            SELECT $1, $2, $3, t, t, 1, v, 1 FROM unnest($4, $5) n (t, v)
            """,
            tenant, device, slot, Array.ConvertAll(numbers, n => n.Time.UtcDateTime), Array.ConvertAll(numbers, n => n.Value));
        batch.AddRollUp(tenant, device, slot, numbers.Min(n => n.Time), numbers.Max(n => n.Time));
        await batch.ExecuteNonQueryAsync(Cancellation);
    }

    /// <summary>Stores so many numbers (0, 1, 2, … up to 99 and again), so far apart, and rolls them up.</summary>
    public static async Task StoreManyAsync(this QueryHost host, Guid tenant, Guid device, short slot, DateTimeOffset first, TimeSpan step, int count)
    {
        await using var batch = host.Ingestion.CreateBatch();
        batch.Add(
            """
            INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, bytes)
            SELECT $1, $2, $3, $4 + n * $5, $4, 1, n % 100, 1 FROM generate_series(0, $6 - 1) n
            """,
            tenant, device, slot, first.UtcDateTime, step, count);
        batch.AddRollUp(tenant, device, slot, first, first + (step * (count - 1)));
        await batch.ExecuteNonQueryAsync(Cancellation);
    }

    /// <summary>Stores a number whose quarter hour is rolled up already, with the mark that says so.</summary>
    public static async Task StoreLateAsync(this QueryHost host, Guid tenant, Guid device, short slot, DateTimeOffset time, double value)
    {
        await using var batch = host.Ingestion.CreateBatch();
        batch.Add(
            "INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, bytes) VALUES ($1, $2, $3, $4, $4, 1, $5, 1)",
            tenant, device, slot, time.UtcDateTime, value);
        batch.Add(
            "INSERT INTO rollups_due (tenant_id, device_id, slot, quarter) VALUES ($1, $2, $3, date_bin('15 minutes', $4, 'epoch'))",
            tenant, device, slot, time.UtcDateTime);
        await batch.ExecuteNonQueryAsync(Cancellation);
    }

    internal static void Add(this NpgsqlBatch batch, string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        batch.BatchCommands.Add(command);
    }

    private static void AddRollUp(this NpgsqlBatch batch, Guid tenant, Guid device, short slot, DateTimeOffset first, DateTimeOffset last) => batch.Add(
        "SELECT roll_up(ARRAY[$1], ARRAY[$2], ARRAY[$3], ARRAY[date_bin('15 minutes', $4, 'epoch')], ARRAY[date_bin('15 minutes', $5, 'epoch') + interval '15 minutes'])",
        tenant, device, slot, first.UtcDateTime, last.UtcDateTime);
}
