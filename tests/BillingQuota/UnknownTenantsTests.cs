using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.BillingQuota.Plans;
using EasySmart.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace EasySmart.BillingQuota.Tests;

/// <summary>Tenants whose event has not come: with RabbitMQ away it never does here.</summary>
public sealed class UnknownTenantsTests : IAsyncLifetime
{
    private static readonly DateTimeOffset s_created = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly WebApplication _identity;
    private TestDatabase? _database;
    private BillingHost? _host;
    private bool _fills;

    public UnknownTenantsTests()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _identity = builder.Build();
        object[] all = [new { tenant_id = _tenant, status = "active", version = 1, created_at = s_created }];
        _identity.MapGet("/internal/tenants", (Guid after) => _fills ? Results.Json(after == _tenant ? [] : all) : Results.StatusCode(503));
        _identity.MapGet("/internal/tenants/{id}", (Guid id, HttpContext context) =>
            context.Request.Headers["X-EasySmart-Service-Key"] != BillingHost.ServiceKey ? Results.StatusCode(401)
            : id == _tenant ? Results.Json(all[0])
            : Results.NotFound());
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Operator => _host!.SuperAdmin();

    public async ValueTask InitializeAsync()
    {
        await _identity.StartAsync(Cancellation);
        _database = await TestDatabase.CreateAsync(TestServers.Platform, "billing_owner");
        await BillingHost.Migrations.ApplyAsync(_database.For("billing_owner"), Cancellation);
        _host = BillingHost.Beside(_database, (GiveDefaultPlan.AddressKey, _identity.Urls.Single()));
        await _host.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _host!.DisposeAsync();
        await _database!.DisposeAsync();
        await _identity.DisposeAsync();
    }

    [Fact]
    public async Task Quotas_can_be_set_before_the_event_comes()
    {
        using var answer = await Operator.PatchAsync($"/tenants/{_tenant}/quotas", """{"quota_devices": 7}""");
        var quotas = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal(("starter", 7), (quotas.GetProperty("plan_type").GetString(), quotas.GetProperty("quota_devices").GetInt32()));
        Assert.Equal(s_created.UtcDateTime, await _host!.ReadAsync<DateTime>("billing_system", "SELECT since FROM tenant_plans WHERE tenant_id = $1", _tenant));
        // The default plan and the change of it: both are told once RabbitMQ is back.
        Assert.Equal(2, await _host.ReadAsync<long>("billing_system", "SELECT count(*) FROM outbox WHERE type LIKE '%TenantQuotaChanged%'"));
    }

    [Theory]
    [InlineData("quotas")]
    [InlineData("usage")]
    [InlineData("snapshots")]
    public async Task Each_route_of_the_operator_finds_it(string route)
    {
        Assert.Equal(HttpStatusCode.OK, (await Operator.GetAsync($"/tenants/{_tenant}/{route}", Cancellation)).StatusCode);
        await Envelope.AssertAsync(await Operator.GetAsync($"/tenants/{Guid.CreateVersion7()}/{route}", Cancellation), 404, "not_found");
    }

    [Fact]
    public async Task Its_own_limits_are_told()
    {
        using var user = _host!.As(_tenant, permissions: "devices:read");
        Assert.Equal(HttpStatusCode.OK, (await user.GetAsync("/tenants/me/limits", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task A_sister_service_is_told_its_quotas()
    {
        var told = await _host!.Sister().GetFromJsonAsync<JsonElement>($"/internal/quotas/{_tenant}", Cancellation);
        Assert.Equal((_tenant, 360), (told.GetProperty("tenant_id").GetGuid(), told.GetProperty("quota_msgs_per_min").GetInt32()));
        await Envelope.AssertAsync(await _host.Sister().GetAsync($"/internal/quotas/{Guid.CreateVersion7()}", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await _host.Direct().GetAsync($"/internal/quotas/{_tenant}", Cancellation), 401, "unauthorized");
    }

    [Fact]
    public async Task While_Identity_is_away_nobody_says_that_there_is_no_such_tenant()
    {
        await _identity.StopAsync(Cancellation);
        await Envelope.AssertAsync(await Operator.GetAsync($"/tenants/{_tenant}/quotas", Cancellation), 503, "service_unavailable");
    }

    [Fact]
    public async Task At_start_every_tenant_without_a_plan_gets_one()
    {
        _fills = true;
        await Eventually.TrueAsync(async () => await _host!.ReadAsync<long>("billing_system", "SELECT count(*) FROM tenant_plans WHERE tenant_id = $1", _tenant) == 1);
    }
}
