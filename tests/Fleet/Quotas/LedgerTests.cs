using System.Net.Http.Headers;
using System.Net.Mime;
using System.Text;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Quotas;

/// <summary>What a tenant is told that it used is what it sent, asked for and has stored. (After faults, the tests of those ask the same.)</summary>
public sealed class LedgerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Usage_counts_messages_readings_bytes_calls_and_exports_of_real_traffic()
    {
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync();
        var at = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        string[] sent = ["""{"value":1}""", $$"""{"value":2,"ts":{{at}}}""", $$"""{"value":2,"ts":{{at}}}""", $$"""[{"value":1,"ts":{{at - 2}}},{"value":2,"ts":{{at - 1}}}]""", "not JSON"];
        await Mosquitto.PublishAsync(device, device.Slot(0), sent);

        using var http = new HttpClient { BaseAddress = Fleet.Gateway };
        var key = (await tenant.MakeKeyAsync(new { name = "webhook", scopes = new[] { "telemetry:write" } })).GetProperty("key").GetString()!;
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        var one = $$$"""{"topic":"{{{device.Slot(1)}}}","payload":{"value":3}}""";
        foreach (var (path, body, status) in new[]
        {
            ("/api/v1/telemetry", one, 200), ("/api/v1/telemetry", one.Replace("{\"value\":3}", "{\"value\":3,\"ts\":7}", StringComparison.Ordinal), 400),
            ("/api/v1/telemetry/batch", $"[{one},{one}]", 200),
        })
        {
            using var content = new StringContent(body, Encoding.UTF8, MediaTypeNames.Application.Json);
            using var answer = await http.PostAsync(path, content, Cancellation);
            Assert.Equal(status, (int)answer.StatusCode);
        }

        await tenant.ReadsBackAsync(device, 1, """{"value":3}""");
        using (var file = await tenant.GetAsync($"/api/v1/telemetry/export?format=csv&device_id={device.Id}"))
        {
            Assert.Equal(200, (int)file.StatusCode);
        }

        // Of the broker's messages: one twice, and one that is refused; two readings in one.
        await Eventually.TrueAsync(async () => await Ledger.TotalAsync(tenant, "messages") == 3 + 3 && await Ledger.TotalAsync(tenant, "exports") == 1);
        Assert.Equal((4 + 3, 3), (await Ledger.TotalAsync(tenant, "readings"), await Ledger.TotalAsync(tenant, "webhook_calls")));
        await Ledger.EqualsTableAsync(tenant);
    }
}
