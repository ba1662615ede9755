using System.Net.Http.Json;
using System.Text.RegularExpressions;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Fleet.Tests;

/// <summary>What a device, a tenant or a neighbour in the network may not do.</summary>
public sealed class RefusalTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> ServiceRoutes => new()
    {
        { "device-provisioning", "/devices" },
        { "telemetry-query", "/telemetry/latest?slot=0&device_label=x" },
        { "billing-quota", "/tenants/00000000-0000-0000-0000-000000000001/quotas" },
        { "device-provisioning", "/internal/devices/00000000-0000-0000-0000-000000000001" },
    };

    [Theory]
    [InlineData("mqttv311")]
    [InlineData("mqttv5")]
    public async Task A_wrong_password_is_refused(string version)
    {
        var device = await (await Tenant.RegisterAsync()).ProvisionAsync();
        var (code, _) = await Mosquitto.PublishAsync(device, device.Slot(0), ["1"], version: version, password: new string('0', 64));
        Assert.NotEqual(0, code);
    }

    [Fact]
    public async Task A_foreign_topic_is_refused_and_stores_nothing()
    {
        var tenant = await Tenant.RegisterAsync();
        var (mine, sister) = (await tenant.ProvisionAsync(), await tenant.ProvisionAsync());
        var (_, said) = await Mosquitto.PublishAsync(mine, sister.Slot(0), ["""{"value": 666}"""], version: "mqttv5");
        Assert.Contains("ot authori", said, StringComparison.Ordinal);
        // 3.1.1 has no way to say no: the broker acknowledges and drops.
        await Mosquitto.PublishAsync(mine, sister.Slot(0), ["""{"value": 666}"""]);
        await Mosquitto.PublishAsync(sister, sister.Slot(1), ["""{"value": 1}"""]);
        await tenant.ReadsBackAsync(sister, 1, """{"value": 1}""");
        Assert.Equal("{}", (await tenant.LatestAsync(sister, 0)).GetRawText());
    }

    [Theory]
    [InlineData("#", false)]
    [InlineData("$SYS/#", false)]
    [InlineData("tenants/+/devices/+/telemetry/#", false)]
    [InlineData("$share/ingestion/tenants/+/devices/+/telemetry/#", false)]
    [InlineData("{prefix}/#", true)]
    public async Task A_device_subscribes_to_its_own_only(string topic, bool granted)
    {
        var device = await (await Tenant.RegisterAsync()).ProvisionAsync();
        var (_, said) = await Mosquitto.SubscribeAsync(device, topic.Replace("{prefix}", device.TopicPrefix, StringComparison.Ordinal));
        // mosquitto_sub -d prints the reason code that the SUBACK granted (1) or refused with (128 and above).
        var reason = Regex.Match(said, @"Subscribed \(mid: 1\): (\d+)").Groups[1].Value;
        Assert.Equal(granted ? "1" : "135", reason);
    }

    [Theory]
    [MemberData(nameof(ServiceRoutes))]
    public async Task A_service_called_directly_or_with_a_forged_identity_knows_nobody(string service, string path)
    {
        using var direct = new HttpClient { BaseAddress = Fleet.Service(service) };
        await Envelope.AssertAsync(await direct.GetAsync(path, Cancellation), 401, "unauthorized");

        var forger = new InternalIdentity(new InternalIdentityOptions { Key = Convert.ToBase64String(new byte[32]) }, TimeProvider.System);
        direct.DefaultRequestHeaders.Add(InternalIdentity.Header, forger.Sign(service, CallerKind.User, [new("sub", Guid.NewGuid().ToString()), new("permissions", "system:admin")]));
        await Envelope.AssertAsync(await direct.GetAsync(path, Cancellation), 401, "unauthorized");
    }

    [Theory]
    [InlineData("/api/v1/devices")]
    [InlineData("/api/devices")]
    [InlineData("/api/v1/telemetry/latest?slot=0&device_label=x")]
    public async Task Without_a_token_the_gateway_knows_nobody(string path)
    {
        using var anybody = new HttpClient { BaseAddress = Fleet.Gateway };
        await Envelope.AssertAsync(await anybody.GetAsync(path, Cancellation), 401, "unauthorized");
        anybody.DefaultRequestHeaders.Add("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30.");
        await Envelope.AssertAsync(await anybody.GetAsync(path, Cancellation), 401, "unauthorized");
    }

    [Theory]
    [InlineData("/internal/devices")]
    [InlineData("/api/v1/internal/devices")]
    [InlineData("/api/v1/devices/..%2finternal/devices")]
    [InlineData("/api/v1/no/such/route")]
    public async Task What_is_internal_is_not_there(string path)
    {
        var tenant = await Tenant.RegisterAsync();
        await Envelope.AssertAsync(await tenant.GetAsync(path), 404, "not_found");
    }

    [Fact]
    public async Task The_super_admin_of_the_configuration_logs_in_and_names_a_tenant()
    {
        using var http = new HttpClient { BaseAddress = Fleet.Gateway };
        using var login = await http.PostAsJsonAsync(
            "/api/v1/auth/login",
            new { email = TestServers.Required("EASYSMART_ADMIN_EMAIL"), password = TestServers.Required("EASYSMART_ADMIN_PASSWORD") },
            Cancellation);
        Assert.True(login.IsSuccessStatusCode, await login.Content.ReadAsStringAsync(Cancellation));
        var body = await login.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>(Cancellation);
        Assert.Equal(System.Text.Json.JsonValueKind.Null, body.GetProperty("user").GetProperty("tenant_id").ValueKind);
        http.DefaultRequestHeaders.Add("Authorization", $"Bearer {body.GetProperty("access_token").GetString()}");

        await Envelope.AssertAsync(await http.GetAsync("/api/v1/devices", Cancellation), 400, "bad_request");
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync();
        Assert.Contains(device.Id.ToString(), await http.GetStringAsync($"/api/v1/devices?tenant_id={tenant.Id}", Cancellation), StringComparison.Ordinal);
        Assert.Contains("\"plan_type\":\"starter\"", await http.GetStringAsync($"/api/v1/tenants/{tenant.Id}/quotas", Cancellation), StringComparison.Ordinal);
    }
}
