using System.Globalization;
using System.Text.Json;
using EasySmart.Hosting;
using NpgsqlTypes;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>A device of a tenant's own with readings, as many as a test wants, written as ingestion writes them.</summary>
public sealed class StoredSeries(QueryHost host)
{
    private readonly Plant _plant = new(host);

    public static DateTimeOffset Start { get; } = new(2026, 2, 15, 12, 0, 0, TimeSpan.Zero);

    public HttpClient Reader => _plant.Reader;

    public Guid Tenant => _plant.Tenant;

    public Guid Device { get; private set; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async Task<StoredSeries> WithDeviceAsync(string? label = null)
    {
        Device = await _plant.AddDeviceAsync(label);
        return this;
    }

    /// <summary>Readings with a plain number, one a minute.</summary>
    public Task AddAsync(short slot, DateTimeOffset since, int count) => AddAsync(slot, since, count, "1", "n::float8", "NULL");

    /// <summary>Readings with some text, one a second.</summary>
    public Task AddTextAsync(short slot, DateTimeOffset since, int count, int length) => AddAsync(
        slot, since, count, "0", "n", $$"""jsonb_build_object('value', n, 'text', repeat(md5(n::text), {{length / 32}}))""", "1 second");

    public async Task AddOneAsync(short slot, DateTimeOffset time, string payload, double? value = null)
    {
        await using var insert = host.Ingestion.CreateCommand(
            """
            INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, payload, bytes) VALUES ($1, $2, $3, $4, $4, 0, $5, $6, 1)
            """);
        foreach (var parameter in new object[] { Tenant, Device, slot, time })
        {
            insert.Parameters.Add(new() { Value = parameter });
        }

        insert.Parameters.Add(new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Double });
        insert.Parameters.Add(new() { Value = payload, NpgsqlDbType = NpgsqlDbType.Jsonb });
        await insert.ExecuteNonQueryAsync(Cancellation);
        await KnowSlotsAsync();
    }

    /// <summary>A range as a query says it.</summary>
    public static string Range(DateTimeOffset from, DateTimeOffset to) => string.Create(CultureInfo.InvariantCulture, $"from={from:yyyy-MM-ddTHH:mm:ssZ}&to={to:yyyy-MM-ddTHH:mm:ssZ}");

    /// <summary>All pages of history.</summary>
    /// <param name="query">All but the device and the cursor.</param>
    /// <param name="between">Done after each page but the last.</param>
    public async Task<List<JsonElement>> HistoryAsync(string query, Func<Task>? between = null)
    {
        var (all, next) = (new List<JsonElement>(), $"?device_id={Device}&{query}");
        while (true)
        {
            using var answer = await Reader.GetAsync($"/telemetry/history{next}", Cancellation);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancellation));
            all.AddRange(JsonSerializer.Deserialize<JsonElement[]>(await answer.Content.ReadAsStringAsync(Cancellation))!);
            if (!answer.Headers.TryGetValues("Link", out var links))
            {
                return all;
            }

            next = links.Single().Split('<', '>')[1];
            if (between is not null)
            {
                await between();
            }
        }
    }

    private async Task AddAsync(short slot, DateTimeOffset since, int count, string form, string value, string payload, string step = "1 minute")
    {
        await using var insert = host.Ingestion.CreateCommand(
            $"""
            INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, payload, bytes)
            SELECT $1, $2, $3, t, t, {form}, {value}, {payload}, 1
            FROM (SELECT n, $4 + n * interval '{step}' AS t FROM generate_series(0, $5 - 1) AS n) AS reading
            """);
        foreach (var parameter in new object[] { Tenant, Device, slot, since, count })
        {
            insert.Parameters.Add(new() { Value = parameter });
        }

        await insert.ExecuteNonQueryAsync(Cancellation);
        await KnowSlotsAsync();
    }

    private async Task KnowSlotsAsync()
    {
        await using var insert = host.Ingestion.CreateCommand(
            """
            INSERT INTO latest (tenant_id, device_id, slot, time, received_at, form, value, payload)
            SELECT DISTINCT ON (slot) tenant_id, device_id, slot, time, received_at, form, value, payload
            FROM readings WHERE tenant_id = $1 AND device_id = $2 ORDER BY slot, time DESC
            ON CONFLICT DO NOTHING
            """);
        insert.Parameters.Add(new() { Value = Tenant });
        insert.Parameters.Add(new() { Value = Device });
        await insert.ExecuteNonQueryAsync(Cancellation);
    }
}
