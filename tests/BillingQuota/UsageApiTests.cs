using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.Identity;
using EasySmart.Contracts.Ingestion;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.BillingQuota.Tests;

/// <summary>What a tenant used, as it and the operator are told.</summary>
public sealed class UsageApiTests(BillingHost host)
{
    private static readonly DateTimeOffset Begin = new(2026, 2, 14, 22, 0, 0, TimeSpan.Zero);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_operator_is_told_the_contracts_fields_and_the_months_snapshot_is_written()
    {
        var tenant = await NewTenantAsync();
        var now = DateTimeOffset.UtcNow;
        UsageEntry[] entries =
        [
            new(tenant, now.AddMinutes(-1), 10, 9, 1_500_000), new(tenant, now.AddMinutes(-59), 5, 5, 0, 3, 250_499),
            new(tenant, now.AddMinutes(-61), 100, 90, 0), new(tenant, now.AddMinutes(-1), 1, 1, 0),
        ];
        await UsedAsync(tenant, entries[..3]);
        await ExecuteAsync("INSERT INTO devices (device_id, tenant_id, version) SELECT gen_random_uuid(), $1, 1 FROM generate_series(1, 3)", tenant);
        var expected = $$"""
            {"tenant_id":"{{tenant}}","messages_last_60min":15,"devices_total":3,"storage_mb_estimated":1.25,"plan_type":"starter","billing_cycle":"monthly"}
            """;
        Assert.Equal(expected, await host.SuperAdmin().GetStringAsync($"/tenants/{tenant}/usage", Cancellation));
        var audit = await host.Others.ExpectAsync<AuditRecorded>(e => e.TenantId == tenant && e.EventType == "billing.snapshot_generated");
        Assert.Equal(("billing", "user", "create", "success"), (audit.EventCategory, audit.ActorType, audit.Action, audit.Result));

        // Again: the same row, of the same month, and nothing told of it.
        await UsedAsync(tenant, entries[3..]);
        Assert.Equal(expected.Replace(":15,", ":16,", StringComparison.Ordinal), await host.SuperAdmin().GetStringAsync($"/tenants/{tenant}/usage", Cancellation));
        var snapshots = await host.SuperAdmin().GetFromJsonAsync<JsonElement[]>($"/tenants/{tenant}/snapshots", Cancellation);
        var snapshot = Assert.Single(snapshots!);
        Assert.Equal(now.ToString("yyyy-MM", CultureInfo.InvariantCulture), snapshot.GetProperty("period").GetString());
        Assert.False(snapshot.GetProperty("final").GetBoolean());
        Assert.Equal((3, 1.25), (snapshot.GetProperty("devices_total").GetInt64(), snapshot.GetProperty("storage_mb").GetDouble()));
        Assert.Equal(8, snapshot.GetProperty("meters").GetArrayLength());
        // An hour ago may have been last month.
        var messages = entries.Where(e => (e.Minute.Year, e.Minute.Month) == (now.Year, now.Month)).Sum(e => e.Messages);
        Assert.Equal($$"""{"meter":"messages","total":{{messages}}}""", snapshot.GetProperty("meters")[0].GetRawText());
        Assert.Single(host.Others.All<AuditRecorded>(e => e.TenantId == tenant && e.EventType == "billing.snapshot_generated"));
    }

    [Fact]
    public async Task Only_the_operator_is_told_of_a_tenant_and_only_of_one_that_there_is()
    {
        var tenant = await NewTenantAsync();
        foreach (var path in new[] { "usage", "snapshots" })
        {
            await Envelope.AssertAsync(await host.SuperAdmin().GetAsync($"/tenants/{Guid.CreateVersion7()}/{path}", Cancellation), 404, "not_found");
            await Envelope.AssertAsync(await host.SuperAdmin().GetAsync($"/tenants/mine/{path}", Cancellation), 400, "bad_request");
            var admin = host.As(tenant, permissions: ["devices:read", "tenants:read"]);
            await Envelope.AssertAsync(await admin.GetAsync($"/tenants/{tenant}/{path}", Cancellation), 403, "forbidden");
            await Envelope.AssertAsync(await host.Anonymous().GetAsync($"/tenants/{tenant}/{path}", Cancellation), 401, "unauthorized");
        }

        Assert.Equal("[]", await host.SuperAdmin().GetStringAsync($"/tenants/{tenant}/snapshots", Cancellation));
    }

    [Fact]
    public async Task A_tenant_is_told_what_it_used_in_points_and_nothing_of_another_tenant()
    {
        var (mine, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await UsedAsync(
            mine, Entry(mine, 0, 1), Entry(mine, 0, 10), Entry(mine, 1, 100), Entry(mine, 2, 1_000), Entry(mine, 24 * 20, 10_000), Entry(other, 1, 7));
        var reader = host.As(mine, permissions: "devices:read");

        var hours = await reader.GetStringAsync("/tenants/me/usage?from=2026-02-14T22:30:00Z&to=2026-02-15T01:00:00Z&meter=messages&bucket=hour", Cancellation);
        Assert.Equal(
            $$"""
            {"tenant_id":"{{mine}}","from":"2026-02-14T22:00:00Z","to":"2026-02-15T01:00:00Z","bucket":"hour","meters":[{"meter":"messages","total":1111,"points":[{"time":"2026-02-14T22:00:00Z","amount":11},{"time":"2026-02-14T23:00:00Z","amount":100},{"time":"2026-02-15T00:00:00Z","amount":1000}]}]}
            """,
            hours);
        Assert.Equal([("2026-02-14T00:00:00Z", 111L), ("2026-02-15T00:00:00Z", 1_000L), ("2026-03-06T00:00:00Z", 10_000L)], await PointsAsync(reader, "bucket=day"));
        Assert.Equal([("2026-02-01T00:00:00Z", 1_111L), ("2026-03-01T00:00:00Z", 10_000L)], await PointsAsync(reader, "bucket=month"));
        Assert.Equal([("2026-02-14T00:00:00Z", 7L)], await PointsAsync(host.As(other, permissions: "devices:read"), ""));
        var operators = host.As(null, role: "super_admin", permissions: "system:admin");
        Assert.Equal([("2026-02-14T00:00:00Z", 7L)], await PointsAsync(operators, $"tenant_id={other}"));
        await Envelope.AssertAsync(await operators.GetAsync("/tenants/me/usage", Cancellation), 400, "bad_request");
        await Envelope.AssertAsync(await reader.GetAsync($"/tenants/me/usage?tenant_id={other}", Cancellation), 400, "bad_request");
        await Envelope.AssertAsync(await host.As(mine, permissions: "telemetry:read").GetAsync("/tenants/me/usage", Cancellation), 403, "forbidden");
    }

    [Fact]
    public async Task Without_a_range_it_is_the_month_that_runs_and_every_meter()
    {
        var tenant = Guid.CreateVersion7();
        var now = DateTimeOffset.UtcNow;
        await UsedAsync(tenant, new UsageEntry(tenant, now, 3, 2, 100), new UsageEntry(tenant, now.AddMonths(-2), 1, 1, 1));
        var answer = await host.As(tenant, permissions: "devices:read").GetFromJsonAsync<JsonElement>("/tenants/me/usage", Cancellation);
        Assert.Equal("day", answer.GetProperty("bucket").GetString());
        Assert.Equal(1, answer.GetProperty("from").GetDateTimeOffset().Day);
        Assert.Equal(
            ["messages 3", "readings 2", "bytes_stored 100", "readings_deleted 0", "bytes_deleted 0", "device_hours 0", "webhook_calls 0", "exports 0"],
            answer.GetProperty("meters").EnumerateArray().Select(m => $"{m.GetProperty("meter").GetString()} {m.GetProperty("total").GetInt64()}"));
    }

    [Theory]
    [InlineData("meter=bytes", "meter")]
    [InlineData("bucket=minute", "bucket")]
    [InlineData("from=2026-01-01T00:00:00Z&to=2026-12-01T00:00:00Z&bucket=hour", "bucket")]
    [InlineData("from=2026-02-02T00:00:00Z&to=2026-02-01T00:00:00Z", "from")]
    [InlineData("from=0001-01-01T00:00:00Z&to=2026-02-01T00:00:00Z", "from")]
    [InlineData("to=9999-12-31T23:59:59Z", "to")]
    [InlineData("from=yesterday", "from")]
    public async Task What_cannot_be_asked_is_400_and_names_the_field(string query, string field)
    {
        var reader = host.As(Guid.CreateVersion7(), permissions: "devices:read");
        var envelope = await Envelope.AssertAsync(await reader.GetAsync($"/tenants/me/usage?{query}", Cancellation), 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty(field, out _), envelope.ToString());
    }

    [Fact]
    public async Task A_nightly_count_is_kept_beside_the_ledgers_balance_once()
    {
        var (mine, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await UsedAsync(mine, new UsageEntry(mine, Begin, 5, 5, 500, 2, 200));
        var counted = new StorageReconciled
        {
            OccurredAt = DateTimeOffset.UtcNow,
            Entries = [new ReconciledEntry(mine, 4, 330, 3, 300), new ReconciledEntry(other, 1, 10, 1, 10)],
        };
        await host.Others.PublishAsync(counted, times: 2);
        await Eventually.TrueAsync(async () => await KeptAsync(mine) == "4 330 3 300 1 30 3 300" && await KeptAsync(other) == "1 10 1 10 0 0 0 0");
        // Told only; the correction comes as usage.
        Assert.Equal(300, await host.ReadAsync<long>("billing_system", "SELECT bytes FROM tenant_storage WHERE tenant_id = $1", mine));

        Task<string?> KeptAsync(Guid tenant) => host.ReadAsync<string>(
            "billing_system",
            """
            SELECT string_agg(concat_ws(' ', counted_readings, counted_bytes, accounted_readings, accounted_bytes, difference_readings, difference_bytes, ledger_readings, ledger_bytes), ', ')
            FROM reconciliations WHERE tenant_id = $1
            """,
            tenant);
    }

    private static UsageEntry Entry(Guid tenant, int hour, long messages) => new(tenant, Begin.AddHours(hour).AddMinutes(messages % 60), messages, messages, 10 * messages);

    private static async Task<(string, long)[]> PointsAsync(HttpClient client, string query)
    {
        var answer = await client.GetFromJsonAsync<JsonElement>(
            $"/tenants/me/usage?from=2026-02-01T00:00:00Z&to=2026-04-01T00:00:00Z&meter=messages&{query}", Cancellation);
        var meter = Assert.Single(answer.GetProperty("meters").EnumerateArray());
        return [.. meter.GetProperty("points").EnumerateArray().Select(p => (p.GetProperty("time").GetString()!, p.GetProperty("amount").GetInt64()))];
    }

    /// <summary>A tenant whose plan has been published.</summary>
    private async Task<Guid> NewTenantAsync()
    {
        var tenant = Guid.CreateVersion7();
        await host.Others.PublishAsync(new TenantCreated { TenantId = tenant, OccurredAt = DateTimeOffset.UtcNow });
        await host.Others.ExpectAsync<TenantQuotaChanged>(e => e.TenantId == tenant);
        return tenant;
    }

    /// <summary>Usage that has been counted.</summary>
    private async Task UsedAsync(Guid tenant, params UsageEntry[] entries)
    {
        const string Messages = "SELECT coalesce(sum(amount), 0)::bigint FROM usage_hours WHERE tenant_id = $1 AND meter = 'messages'";
        var before = await host.ReadAsync<long>("billing_system", Messages, tenant);
        await host.Others.PublishAsync(new UsageRecorded { OccurredAt = DateTimeOffset.UtcNow, Entries = entries });
        var after = before + entries.Where(e => e.TenantId == tenant).Sum(e => e.Messages);
        await Eventually.TrueAsync(async () => await host.ReadAsync<long>("billing_system", Messages, tenant) == after);
    }

    private async Task ExecuteAsync(string sql, Guid parameter)
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For("billing_system"));
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = parameter });
        await command.ExecuteNonQueryAsync(Cancellation);
    }
}
