using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Hosting;

namespace EasySmart.BillingQuota.Tests;

/// <summary><c>GET /tenants/me/limits</c>: what a tenant's limits are, how much of them is used, and what happens at them.</summary>
public sealed class LimitsTests(BillingHost host)
{
    private static readonly string[] s_fields =
        ["limit", "scope", "max", "used", "remaining", "percent", "unit", "window_seconds", "resets_at", "state", "at_limit"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_new_tenant_has_one_limit_of_each_kind_each_with_every_field()
    {
        var tenant = await host.NewTenantAsync();
        var limits = await host.As(tenant, role: "tenant_user", permissions: "devices:read").GetFromJsonAsync<JsonElement>("/tenants/me/limits", Cancellation);
        Assert.Equal((tenant, "starter", "monthly", 90), (
            limits.GetProperty("tenant_id").GetGuid(), limits.GetProperty("plan_type").GetString(), limits.GetProperty("billing_cycle").GetString(),
            limits.GetProperty("retention_days").GetInt32()));
        Assert.Equal(["devices", "messages_per_minute", "storage_mb"], limits.GetProperty("limits").EnumerateArray().Select(one => one.GetProperty("limit").GetString()));
        Assert.All(limits.GetProperty("limits").EnumerateArray(), one => Assert.Equal(s_fields, one.EnumerateObject().Select(field => field.Name)));
        Assert.Equal("tenant 0 0 null null 0 null unlimited", await SaidAsync(tenant, "devices"));
        Assert.Equal("tenant 1000 0 1000 0 0 null ok", await SaidAsync(tenant, "storage_mb"));
    }

    [Fact]
    public async Task Messages_are_each_devices_in_the_minute_that_goes_on()
    {
        var tenant = await host.NewTenantAsync();
        var asked = DateTimeOffset.UtcNow;
        var limit = await LimitAsync(tenant, "messages_per_minute");
        Assert.Equal(
            """{"scope":"device","max":360,"used":null,"remaining":null,"percent":null,"unit":"messages","window_seconds":60,"state":"ok"}""",
            JsonSerializer.Serialize(limit.EnumerateObject().Where(field => field.Name is not ("limit" or "resets_at" or "at_limit")).ToDictionary(f => f.Name, f => f.Value)));
        Assert.Contains("GET /devices/{device_id}/limits", limit.GetProperty("at_limit").GetString(), StringComparison.Ordinal);
        var resets = limit.GetProperty("resets_at").GetDateTimeOffset();
        Assert.Equal(0, resets.Ticks % TimeSpan.TicksPerMinute);
        Assert.InRange(resets, asked, DateTimeOffset.UtcNow.AddMinutes(1));
        await host.ChangeAsync(tenant, """{"quota_msgs_per_min": 0}""");
        Assert.Equal("device 0 null null null 60 set unlimited", await SaidAsync(tenant, "messages_per_minute"));
    }

    [Fact]
    public async Task Storage_says_when_it_is_scarce_full_and_past_its_quota()
    {
        var tenant = await host.NewTenantAsync("""{"quota_storage_mb": 2}""");
        await host.StoreAsync((tenant, 1_250_700));
        Assert.Equal("tenant 2 1.251 0.749 62.5 0 null ok", await SaidAsync(tenant, "storage_mb"));
        await host.StoreAsync((tenant, 349_300));
        Assert.Equal("tenant 2 1.6 0.4 80 0 null warning", await SaidAsync(tenant, "storage_mb"));
        await host.StoreAsync((tenant, 399_999));
        Assert.Equal("tenant 2 2 0 99.9 0 null warning", await SaidAsync(tenant, "storage_mb"));
        await host.StoreAsync((tenant, 1_000_001));
        Assert.Equal("tenant 2 3 0 150 0 null blocked", await SaidAsync(tenant, "storage_mb"));
        await host.ChangeAsync(tenant, """{"plan_type": "enterprise"}""");
        Assert.Equal("tenant 2 3 0 150 0 null overage", await SaidAsync(tenant, "storage_mb"));
        await host.ChangeAsync(tenant, """{"quota_storage_mb": 0}""");
        Assert.Equal("tenant 0 3 null null 0 null unlimited", await SaidAsync(tenant, "storage_mb"));
    }

    [Fact]
    public async Task Devices_are_counted_and_at_the_quota_no_more_may_come()
    {
        var (tenant, other) = (await host.NewTenantAsync("""{"quota_devices": 5}"""), await host.NewTenantAsync());
        foreach (var (owner, version) in new[] { (tenant, 1), (other, 2), (tenant, 3), (tenant, 4), (tenant, 5), (tenant, 6) })
        {
            await host.Others.PublishAsync(new DeviceChanged
            {
                OccurredAt = DateTimeOffset.UtcNow,
                DeviceId = Guid.CreateVersion7(),
                TenantId = owner,
                DeviceLabel = null,
                Status = DeviceStatus.Claimed,
                Version = version,
            });
        }

        await Eventually.TrueAsync(async () => await SaidAsync(tenant, "devices") == "tenant 5 5 0 100 0 null blocked");
        await host.ChangeAsync(tenant, """{"quota_devices": 6}""");
        Assert.Equal("tenant 6 5 1 83.3 0 null warning", await SaidAsync(tenant, "devices"));
        await Eventually.TrueAsync(async () => await SaidAsync(other, "devices") == "tenant 0 1 null null 0 null unlimited");
    }

    [Fact]
    public async Task The_operator_names_a_tenant_and_a_tenant_sees_itself_only()
    {
        var (tenant, other) = (await host.NewTenantAsync(), await host.NewTenantAsync());
        var limits = await host.SuperAdmin().GetFromJsonAsync<JsonElement>($"/tenants/me/limits?tenant_id={tenant}", Cancellation);
        Assert.Equal(tenant, limits.GetProperty("tenant_id").GetGuid());
        await Envelope.AssertAsync(await host.SuperAdmin().GetAsync("/tenants/me/limits", Cancellation), 400, "bad_request");
        var mine = host.As(tenant, permissions: "devices:read");
        await Envelope.AssertAsync(await mine.GetAsync($"/tenants/me/limits?tenant_id={other}", Cancellation), 400, "bad_request");
        await Envelope.AssertAsync(await host.As(tenant, permissions: "telemetry:read").GetAsync("/tenants/me/limits", Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await host.As(Guid.CreateVersion7(), permissions: "devices:read").GetAsync("/tenants/me/limits", Cancellation), 404, "not_found");
    }

    private async Task<JsonElement> LimitAsync(Guid tenant, string name)
    {
        var limits = await host.As(tenant, permissions: "devices:read").GetFromJsonAsync<JsonElement>("/tenants/me/limits", Cancellation);
        return limits.GetProperty("limits").EnumerateArray().Single(one => one.GetProperty("limit").GetString() == name);
    }

    private async Task<string> SaidAsync(Guid tenant, string name)
    {
        var limit = await LimitAsync(tenant, name);
        return string.Join(' ', new[] { "scope", "max", "used", "remaining", "percent", "window_seconds", "resets_at", "state" }.Select(field =>
            limit.GetProperty(field) is { ValueKind: JsonValueKind.String } text && field == "resets_at" ? "set" : Plain(limit.GetProperty(field))));

        static string Plain(JsonElement value) => value.ValueKind == JsonValueKind.Null ? "null" : value.ToString();
    }
}
