using System.Globalization;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Fleet.Tests.Quotas;

/// <summary>A tenant's usage as its app sees it, beside what the table of readings holds of the tenant.</summary>
internal static class Ledger
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>
    /// Waits until the ledger's readings and bytes, stored less deleted, are the table's: for whoever calls when nothing is under way to it
    /// any more, or will be soon.
    /// </summary>
    public static async Task EqualsTableAsync(Tenant tenant, int seconds = 60)
    {
        await using var telemetry = Fleet.Telemetry();
        await Eventually.TrueAsync(
            async () =>
            {
                var held = await HeldAsync(telemetry, tenant.Id);
                var said = (
                    await TotalAsync(tenant, "readings") - await TotalAsync(tenant, "readings_deleted"),
                    await TotalAsync(tenant, "bytes_stored") - await TotalAsync(tenant, "bytes_deleted"));
                return held == said ? true : throw new InvalidOperationException($"The table holds {held}, the ledger says {said}");
            },
            seconds);
    }

    /// <summary>What the tenant used of a meter since yesterday.</summary>
    public static async Task<long> TotalAsync(Tenant tenant, string meter)
    {
        var from = Uri.EscapeDataString(DateTimeOffset.UtcNow.AddDays(-1).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture));
        var usage = await tenant.ReadAsync(HttpMethod.Get, $"/api/v1/tenants/me/usage?meter={meter}&from={from}");
        var only = Assert.Single(usage.GetProperty("meters").EnumerateArray());
        Assert.Equal(meter, only.GetProperty("meter").GetString());
        Assert.Equal(only.GetProperty("total").GetInt64(), only.GetProperty("points").EnumerateArray().Sum(point => point.GetProperty("amount").GetInt64()));
        return only.GetProperty("total").GetInt64();
    }

    private static async Task<(long Readings, long Bytes)> HeldAsync(NpgsqlDataSource telemetry, Guid tenant)
    {
        await using var count = telemetry.CreateCommand("SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM readings WHERE tenant_id = $1");
        count.Parameters.Add(new() { Value = tenant });
        await using var reader = await count.ExecuteReaderAsync(Cancellation);
        await reader.ReadAsync(Cancellation);
        return (reader.GetInt64(0), reader.GetInt64(1));
    }
}
