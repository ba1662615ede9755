using System.Net.Http.Headers;
using System.Net.Http.Json;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests;

/// <summary>A program with an API key, through the gateway: it reads what its tenant may read, and no longer than it may.</summary>
public sealed class ApiKeyTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_key_reads_its_tenants_telemetry_until_it_is_revoked()
    {
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync();
        await Mosquitto.PublishAsync(device, device.Slot(0), ["""{"value": 23.5}"""]);
        await tenant.ReadsBackAsync(device, 0, """{"value": 23.5}""");
        var latest = $"/api/v1/telemetry/latest?slot=0&device_id={device.Id}";

        var key = await tenant.MakeKeyAsync(new { name = "reports", scopes = new[] { "telemetry:read" } });
        using var program = Program(key.GetProperty("key").GetString()!);
        using (var read = await program.GetAsync(latest, Cancellation))
        {
            Assert.True(read.IsSuccessStatusCode, await read.Content.ReadAsStringAsync(Cancellation));
        }

        // Nothing that its scopes do not say, and nothing of another tenant.
        await Envelope.AssertAsync(await program.GetAsync("/api/v1/devices", Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await program.PostAsync("/api/v1/devices/provision", null, Cancellation), 403, "forbidden");
        var other = await Tenant.RegisterAsync();
        using var stranger = Program((await other.MakeKeyAsync(new { name = "x", scopes = new[] { "telemetry:read" } })).GetProperty("key").GetString()!);
        await Envelope.AssertAsync(await stranger.GetAsync(latest, Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await stranger.GetAsync($"{latest}&tenant_id={tenant.Id}", Cancellation), 400, "bad_request");

        var id = key.GetProperty("api_key_id").GetGuid();
        using (var shown = await tenant.GetAsync($"/api/v1/api-keys/{id}"))
        {
            Assert.Contains("\"last_used_ip\":\"127.0.0.1\"", await shown.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }

        using var gone = await tenant.DeleteAsync($"/api/v1/api-keys/{id}");
        Assert.Equal(204, (int)gone.StatusCode);
        // The feed is read every 2 s, and 5 s is what is promised.
        await Eventually.TrueAsync(async () => (int)(await program.GetAsync(latest, Cancellation)).StatusCode == 401, seconds: 5);
        Assert.True((await stranger.GetAsync("/api/v1/telemetry/slots?device_label=none", Cancellation)).StatusCode == System.Net.HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_key_stops_when_it_expires_and_an_invented_one_never_starts()
    {
        var tenant = await Tenant.RegisterAsync();
        var key = await tenant.MakeKeyAsync(
            new { name = "brief", scopes = new[] { "devices:read" }, expires_at = DateTimeOffset.UtcNow.AddSeconds(5) });
        using var program = Program(key.GetProperty("key").GetString()!);
        await Eventually.TrueAsync(async () => (int)(await program.GetAsync("/api/v1/devices", Cancellation)).StatusCode == 401);
        using var guesser = Program("esk_" + new string('0', 43));
        await Envelope.AssertAsync(await guesser.GetAsync("/api/v1/devices", Cancellation), 401, "unauthorized");
    }

    [Fact]
    public async Task The_webhooks_key_of_the_configuration_passes_and_may_only_write_telemetry()
    {
        using var emqx = Program(TestServers.Required("EASYSMART_WEBHOOK_API_KEY"));
        await Envelope.AssertAsync(await emqx.GetAsync("/api/v1/devices", Cancellation), 403, "forbidden");
    }

    [Fact]
    public async Task A_request_that_is_sent_again_makes_one_device_and_one_key()
    {
        var tenant = await Tenant.RegisterAsync();
        foreach (var (path, body) in new (string, object)[]
        {
            ("/api/v1/devices/provision", new { device_label = $"pump-{Guid.NewGuid():N}"[..20] }),
            ("/api/v1/api-keys", new { name = "once", scopes = new[] { "telemetry:read" } }),
        })
        {
            using var first = await tenant.PostAsync(path, body, idempotencyKey: "once");
            using var second = await tenant.PostAsync(path, body, idempotencyKey: "once");
            Assert.Equal((201, 201), ((int)first.StatusCode, (int)second.StatusCode));
            Assert.Equal(await first.Content.ReadAsStringAsync(Cancellation), await second.Content.ReadAsStringAsync(Cancellation));
        }
    }

    private static HttpClient Program(string key) => new()
    {
        BaseAddress = Fleet.Gateway,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key) },
    };
}
