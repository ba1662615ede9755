using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.BillingQuota.Plans;
using EasySmart.Contracts.BillingQuota;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.BillingQuota.Tests;

/// <summary>
/// The plans, on a database of their own: they are everybody's. Without RabbitMQ, so that what is to be told stays in the outbox.
/// </summary>
public sealed class PlanTermsTests(PlanTermsTests.OwnPlans own) : IClassFixture<PlanTermsTests.OwnPlans>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private BillingHost Host => own.Host;

    [Fact]
    public async Task Starter_is_as_the_contract_says_and_every_plan_keeps_its_objectives()
    {
        await using var fresh = new OwnPlans();
        await fresh.InitializeAsync();
        var plans = await fresh.Host.SuperAdmin().GetFromJsonAsync<JsonElement[]>("/plans", Cancellation);
        Assert.Equal(
            ["starter 0 360 1000 False 90 1440 480", "pro 0 3600 50000 False 365 240 120", "enterprise 0 36000 1000000 True 730 60 30"],
            plans!.Select(plan => string.Join(' ', new[]
            {
                "plan_type", "quota_devices", "quota_msgs_per_min", "quota_storage_mb", "allow_overage", "retention_days", "rpo_minutes", "rto_minutes",
            }.Select(field => plan.GetProperty(field).ToString()))));
        Assert.All(plans!, plan => Assert.Equal("BRL", plan.GetProperty("currency").GetString()));
        Assert.Equal(plans![1].GetRawText(), await fresh.Host.SuperAdmin().GetStringAsync("/plans/pro", Cancellation));
    }

    [Fact]
    public async Task A_change_moves_the_tenants_on_the_plan_but_for_what_is_their_own()
    {
        var (follows, keeps, elsewhere) = (await NewTenantAsync("pro"), await NewTenantAsync("pro"), await NewTenantAsync("enterprise"));
        await Host.ChangeAsync(keeps, """{"quota_msgs_per_min": 77, "quota_storage_mb": 78, "retention_days": 79}""");
        var (had, others) = (await ToldAsync(follows), await ToldAsync(elsewhere));

        var plan = await ChangeAsync("pro", """{"quota_msgs_per_min": 1001, "quota_storage_mb": 1002, "retention_days": 1003}""");
        Assert.Equal(1001, plan.GetProperty("quota_msgs_per_min").GetInt32());
        var told = (await ToldAsync(follows))[^1];
        Assert.Equal((1001, 1002, 1003), (told.QuotaMsgsPerMin, told.QuotaStorageMb, told.RetentionDays!.Value));
        Assert.True(told.Version > had[^1].Version);
        Assert.Equal(told.Version, await Host.ReadAsync<long>("billing_system", "SELECT version FROM tenant_plans WHERE tenant_id = $1", follows));
        Assert.Equal(1002, (await Host.QuotasAsync(follows)).GetProperty("quota_storage_mb").GetInt32());
        // Nothing in force for these has changed.
        Assert.Equal((77, 78, 79), ((await ToldAsync(keeps))[^1].QuotaMsgsPerMin, (await ToldAsync(keeps))[^1].QuotaStorageMb, (await ToldAsync(keeps))[^1].RetentionDays!.Value));
        Assert.Equal(2 + 1, (await ToldAsync(keeps)).Count);
        Assert.Equal(others.Count, (await ToldAsync(elsewhere)).Count);

        // A new price is no matter of the tenants' quotas.
        var before = (await ToldAsync(follows)).Count;
        await ChangeAsync("pro", """{"price_monthly_cents": 12345}""");
        Assert.Equal(before, (await ToldAsync(follows)).Count);
    }

    [Fact]
    public async Task A_plan_that_is_raised_opens_its_tenants_and_one_that_is_lowered_closes_them()
    {
        var tenant = await NewTenantAsync("enterprise");
        await ChangeAsync("enterprise", """{"allow_overage": false, "quota_storage_mb": 5}""");
        await Host.StoreAsync((tenant, 5 * Tenants.Mb));
        Assert.True((await ToldAsync(tenant))[^1].StorageBlocked);
        await ChangeAsync("enterprise", """{"quota_storage_mb": 6}""");
        Assert.False((await ToldAsync(tenant))[^1].StorageBlocked);
        await ChangeAsync("enterprise", """{"quota_storage_mb": 4}""");
        Assert.True((await ToldAsync(tenant))[^1].StorageBlocked);
        await ChangeAsync("enterprise", """{"allow_overage": true}""");
        Assert.False((await ToldAsync(tenant))[^1].StorageBlocked);
    }

    [Fact]
    public async Task A_new_tenant_begins_with_what_the_starter_plan_says_then()
    {
        await ChangeAsync("starter", """{"quota_devices": 321, "retention_days": 12}""");
        var told = Assert.Single(await ToldAsync(await NewTenantAsync("starter")));
        Assert.Equal((321, 12), (told.QuotaDevices, told.RetentionDays!.Value));
        await ChangeAsync("starter", """{"quota_devices": 322}""");
        Assert.Equal([321, 322], (await ToldAsync(told.TenantId)).Select(e => e.QuotaDevices));
    }

    [Fact]
    public async Task Every_state_is_kept_with_who_made_it_and_audited()
    {
        var user = Guid.CreateVersion7();
        var client = Host.As(null, user, role: "super_admin", permissions: "system:admin");
        var first = (await ListAsync("/plans/starter/history"))[0];
        using (var answer = await client.PatchAsync("/plans/starter", """{"price_monthly_cents": 990, "overage_gb_cents": 5}"""))
        {
            Assert.True(answer.IsSuccessStatusCode);
        }

        using (var nothing = await client.PatchAsync("/plans/starter", """{"price_monthly_cents": 990}"""))
        {
            Assert.True(nothing.IsSuccessStatusCode);
        }

        using (var again = await client.PatchAsync("/plans/starter", """{"price_monthly_cents": 1990}"""))
        {
            Assert.True(again.IsSuccessStatusCode);
        }

        var history = await ListAsync("/plans/starter/history");
        Assert.Equal(first.GetRawText(), history[2].GetRawText());
        Assert.Equal([1990, 990], history.Take(2).Select(state => state.GetProperty("plan").GetProperty("price_monthly_cents").GetInt32()));
        Assert.All(history.Take(2), state => Assert.Equal(user, state.GetProperty("changed_by").GetGuid()));
        Assert.Equal(JsonValueKind.Null, history[^1].GetProperty("changed_by").ValueKind);
        Assert.Equal(await Host.SuperAdmin().GetStringAsync("/plans/starter", Cancellation), history[0].GetProperty("plan").GetRawText());
        Assert.Equal(history[0].GetProperty("changed_at").GetRawText(), history[0].GetProperty("plan").GetProperty("updated_at").GetRawText());

        using var page = await client.GetAsync("/plans/starter/history?limit=1", Cancellation);
        var link = page.Headers.GetValues("Link").Single();
        Assert.Contains("rel=\"next\"", link, StringComparison.Ordinal);
        var second = await ListAsync($"/plans/starter/history?limit=1&cursor={history[0].GetProperty("plan").GetProperty("version")}");
        Assert.Equal(history[1].GetRawText(), Assert.Single(second).GetRawText());

        var audits = (await own.OutboxAsync("EasySmart.Contracts.Auditing.AuditRecorded", "starter")).Where(one => one.GetProperty("UserId").ValueEquals(user.ToString())).ToArray();
        Assert.Equal([990, 1990], audits.Select(one => one.GetProperty("Metadata").GetProperty("after").GetProperty("price_monthly_cents").GetInt32()));
        Assert.Equal(990, audits[1].GetProperty("Metadata").GetProperty("before").GetProperty("price_monthly_cents").GetInt32());
        Assert.Equal("plan.updated billing plan starter", string.Join(' ', new[] { "EventType", "EventCategory", "ResourceType", "ResourceId" }.Select(f => audits[0].GetProperty(f).GetString())));
    }

    [Fact]
    public async Task Changes_at_once_are_all_kept_and_each_is_a_state()
    {
        var version = (await Host.SuperAdmin().GetFromJsonAsync<JsonElement>("/plans/pro", Cancellation)).GetProperty("version").GetInt32();
        string[] fields = ["price_monthly_cents", "price_annual_cents", "overage_gb_cents", "rpo_minutes", "rto_minutes"];
        await Task.WhenAll(fields.Select(field => ChangeAsync("pro", $$"""{"{{field}}": 4321}""")));
        var plan = await Host.SuperAdmin().GetFromJsonAsync<JsonElement>("/plans/pro", Cancellation);
        Assert.All(fields, field => Assert.Equal(4321, plan.GetProperty(field).GetInt32()));
        Assert.Equal(version + fields.Length, plan.GetProperty("version").GetInt32());
        Assert.Equal(plan.GetRawText(), (await ListAsync("/plans/pro/history"))[0].GetProperty("plan").GetRawText());
    }

    [Fact]
    public async Task Tenants_that_move_while_their_plans_change_end_as_their_plan_says()
    {
        var tenants = new List<Guid>();
        for (var i = 0; i < 6; i++)
        {
            tenants.Add(await NewTenantAsync(i % 2 == 0 ? "pro" : "enterprise"));
        }

        await Task.WhenAll(Enumerable.Range(0, 30).Select(i => i % 3 == 0
            ? ChangeAsync(i % 2 == 0 ? "pro" : "enterprise", $$"""{"quota_devices": {{100 + i}}}""")
            : Host.ChangeAsync(tenants[i % 6], $$"""{"plan_type": "{{(i % 4 < 2 ? "pro" : "enterprise")}}"}""")));
        foreach (var tenant in tenants)
        {
            var quotas = await Host.QuotasAsync(tenant);
            var plan = await Host.SuperAdmin().GetFromJsonAsync<JsonElement>($"/plans/{quotas.GetProperty("plan_type").GetString()}", Cancellation);
            Assert.Equal(plan.GetProperty("quota_devices").GetInt32(), quotas.GetProperty("quota_devices").GetInt32());
            Assert.Equal(plan.GetProperty("quota_devices").GetInt32(), (await ToldAsync(tenant)).MaxBy(e => e.Version)!.QuotaDevices);
        }
    }

    [Fact]
    public async Task Everything_that_is_wrong_is_told_at_once()
    {
        using var answer = await Host.SuperAdmin().PatchAsync(
            "/plans/pro",
            """{"plan_type": "pro", "quota_devices": -1, "quota_storage_mb": null, "allow_overage": 1, "retention_days": 36501, "price_annual_cents": 0.5, "rpo_minutes": 0}""");
        var details = (await Envelope.AssertAsync(answer, 400, "bad_request")).GetProperty("details");
        Assert.Equal(
            ["plan_type", "quota_devices", "quota_storage_mb", "allow_overage", "retention_days", "price_annual_cents", "rpo_minutes"],
            details.EnumerateObject().Select(one => one.Name));
    }

    [Fact]
    public async Task Plans_are_for_the_operator_only_and_there_are_three()
    {
        var admin = Host.As(Guid.CreateVersion7(), permissions: ["tenants:read", "devices:read"]);
        foreach (var path in new[] { "/plans", "/plans/pro", "/plans/pro/history" })
        {
            await Envelope.AssertAsync(await admin.GetAsync(path, Cancellation), 403, "forbidden");
        }

        await Envelope.AssertAsync(await admin.PatchAsync("/plans/pro", """{"quota_devices": 1}"""), 403, "forbidden");
        await Envelope.AssertAsync(await Host.SuperAdmin().GetAsync("/plans/gold", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await Host.SuperAdmin().GetAsync("/plans/gold/history", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await Host.SuperAdmin().PatchAsync("/plans/gold", """{"quota_devices": 1}"""), 404, "not_found");
        await Envelope.AssertAsync(await Host.SuperAdmin().GetAsync("/plans/pro/history?limit=0", Cancellation), 400, "bad_request");
    }

    private async Task<JsonElement> ChangeAsync(string plan, string json)
    {
        using var answer = await Host.SuperAdmin().PatchAsync($"/plans/{plan}", json);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    private async Task<JsonElement[]> ListAsync(string path) => (await Host.SuperAdmin().GetFromJsonAsync<JsonElement[]>(path, Cancellation))!;

    private async Task<IReadOnlyList<TenantQuotaChanged>> ToldAsync(Guid tenant) =>
        [.. (await own.OutboxAsync(typeof(TenantQuotaChanged).FullName!, tenant.ToString())).Select(body => body.Deserialize<TenantQuotaChanged>()!)];

    private async Task<Guid> NewTenantAsync(string plan)
    {
        var created = Tenants.Created();
        await using var system = NpgsqlDataSource.Create(Host.Database.For("billing_system"));
        await using (var connection = await system.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await connection.BeginTransactionAsync(Cancellation);
            await new GiveDefaultPlan(TimeProvider.System).HandleAsync(created, transaction, Cancellation);
            await transaction.CommitAsync(Cancellation);
        }

        await Host.ChangeAsync(created.TenantId, $$"""{"plan_type": "{{plan}}"}""");
        return created.TenantId;
    }

    /// <summary>A database, and the service on it.</summary>
    public sealed class OwnPlans : IAsyncLifetime
    {
        private TestDatabase? _database;

        public BillingHost Host { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            _database = await TestDatabase.CreateAsync(TestServers.Platform, "billing_owner");
            await BillingHost.Migrations.ApplyAsync(_database.For("billing_owner"), CancellationToken.None);
            Host = BillingHost.Beside(_database);
            await Host.InitializeAsync();
        }

        /// <summary>What is to be told, in its order.</summary>
        public async Task<JsonElement[]> OutboxAsync(string type, string key)
        {
            await using var system = NpgsqlDataSource.Create(_database!.For("billing_system"));
            await using var command = system.CreateCommand("SELECT body::text FROM outbox WHERE type = $1 AND key = $2 ORDER BY occurred_at, id");
            command.Parameters.Add(new() { Value = type });
            command.Parameters.Add(new() { Value = key });
            await using var reader = await command.ExecuteReaderAsync(Cancellation);
            var bodies = new List<JsonElement>();
            while (await reader.ReadAsync(Cancellation))
            {
                bodies.Add(JsonSerializer.Deserialize<JsonElement>(reader.GetString(0)));
            }

            return [.. bodies];
        }

        public async ValueTask DisposeAsync()
        {
            await Host.DisposeAsync();
            await _database!.DisposeAsync();
        }
    }
}
