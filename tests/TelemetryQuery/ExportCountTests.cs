using System.Text.Json;
using EasySmart.Contracts.Ingestion;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>Exports count as a tenant's usage when their answer begins, and are given whether or not they can be counted.</summary>
public sealed class ExportCountTests(QueryHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly StoredSeries _series = new(host);

    [Fact]
    public async Task Each_answer_that_begins_counts_once_in_its_minute_and_a_refusal_does_not()
    {
        await _series.WithDeviceAsync();
        await _series.AddAsync(0, StoredSeries.Start, 3000);
        var before = DateTimeOffset.UtcNow.AddMinutes(-1);
        foreach (var (query, status) in new[]
        {
            ($"format=csv&device_id={_series.Device}", 200), ($"format=parquet&device_id={_series.Device}", 200),
            ($"format=xlsx&device_id={_series.Device}", 400), ($"format=csv&device_id={Guid.CreateVersion7()}", 404),
            ($"format=ndjson&device_id={_series.Device}&{StoredSeries.Range(StoredSeries.Start.AddYears(-1), StoredSeries.Start)}", 200),
        })
        {
            using var answer = await _series.Reader.GetAsync($"/telemetry/export?{query}", Cancellation);
            Assert.Equal(status, (int)answer.StatusCode);
        }

        var counted = await UsedAsync(host.Ingestion, _series.Tenant);
        Assert.All(counted, one => Assert.Equal(new UsageEntry(_series.Tenant, one.Minute, 0, 0, 0, Exports: 1), one));
        Assert.Equal(3, counted.Count);
        Assert.All(counted, one => Assert.True(one.Minute > before && one.Minute <= DateTimeOffset.UtcNow && one.Minute.Ticks % TimeSpan.TicksPerMinute == 0, $"{one}"));
    }

    [Fact]
    public async Task One_that_cannot_be_counted_is_given_all_the_same()
    {
        await using var changed = new OwnHost();
        await changed.InitializeAsync();
        var series = new StoredSeries(changed);
        await series.WithDeviceAsync();
        await series.AddAsync(0, StoredSeries.Start, 10);
        await using var owner = NpgsqlDataSource.Create(changed.Database.ForSuperuser());
        await using var revoke = owner.CreateCommand("REVOKE EXECUTE ON FUNCTION tenant.count_export() FROM telemetry_query");
        await revoke.ExecuteNonQueryAsync(Cancellation);
        var file = await series.Reader.GetStringAsync(
            $"/telemetry/export?format=ndjson&device_id={series.Device}&{StoredSeries.Range(StoredSeries.Start, StoredSeries.Start.AddDays(1))}", Cancellation);
        Assert.Equal(10, file.TrimEnd('\n').Split('\n').Length);
        Assert.Empty(await UsedAsync(changed.Ingestion, series.Tenant));
    }

    internal static async Task<IReadOnlyList<UsageEntry>> UsedAsync(NpgsqlDataSource source, Guid? tenant = null)
    {
        await using var read = source.CreateCommand("SELECT coalesce(jsonb_agg(entry), '[]')::text FROM used, jsonb_array_elements(entries::jsonb) AS entry");
        var entries = JsonSerializer.Deserialize<List<UsageEntry>>((string)(await read.ExecuteScalarAsync(Cancellation))!)!;
        return [.. entries.Where(entry => tenant is null || entry.TenantId == tenant)];
    }

    /// <summary>One whose database a test may change.</summary>
    private sealed class OwnHost : QueryHost;
}
