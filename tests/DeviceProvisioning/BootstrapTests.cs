using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A device asks what has become of it.</summary>
public sealed class BootstrapTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Its_life_by_hardware_id_and_by_device_id()
    {
        var hardware = Factory.NewHardwareId();
        var unborn = new ImportedDevice("", hardware, default, null, null, null, Factory.Hmac(DevicesHost.MasterKey, hardware), null);
        Assert.Equal(
            $$"""{"status":"not_provisioned","device_id":"","hardware_id":"{{hardware}}","poll_interval":60}""",
            (await host.BootstrapAsync(unborn.ByHardware()).OkAsync()).GetRawText());

        var device = (await host.Manufacturer().ImportAsync($$"""{"hardware_id":"{{hardware}}"}"""))[0].Deserialize<ImportedDevice>()!;
        await SaysAsync(device, "unclaimed");
        await host.Installer(_tenant).ClaimAsync(device);
        await SaysAsync(device, "claimed");
        foreach (var status in new[] { "active", "suspended", "revoked" })
        {
            await host.ScalarAsync<object>("UPDATE devices SET status = $2 WHERE id = $1", device.device_id, status);
            await SaysAsync(device, status);
        }
    }

    [Fact]
    public async Task A_suspended_tenants_device_is_suspended()
    {
        var device = await host.ClaimedAsync(_tenant);
        await host.ScalarAsync<object>("INSERT INTO tenants VALUES ($1, 'suspended', 1)", _tenant);
        await SaysAsync(device, "suspended");
        await host.ScalarAsync<object>("UPDATE tenants SET status = 'active' WHERE tenant_id = $1", _tenant);
        await SaysAsync(device, "claimed");
    }

    [Fact]
    public async Task Any_master_key_will_do_for_hardware_that_is_not_known()
    {
        var hardware = Factory.NewHardwareId();
        var device = new ImportedDevice("", hardware, default, null, null, null, Factory.Hmac(DevicesHost.EarlierMasterKey, hardware), null);
        Assert.Equal("not_provisioned", await host.StatusAsync(device));
        await Envelope.AssertAsync(await host.SecretAsync(device.ByHardware()), 404, "not_found");
        var stranger = device with { hardware_id_key = Factory.Hmac("some other key that nobody has here", hardware) };
        await Envelope.AssertAsync(await host.BootstrapAsync(stranger.ByHardware()), 401, "unauthorized");
        await Envelope.AssertAsync(await host.SecretAsync(stranger.ByHardware()), 401, "unauthorized");
    }

    [Fact]
    public async Task An_unknown_device_id_is_404_and_one_that_was_never_imported_has_no_key()
    {
        var nobody = new ImportedDevice("", null, Guid.CreateVersion7(), null, null, null, null, "any");
        await Envelope.AssertAsync(await host.BootstrapAsync(nobody.ById()), 404, "not_found");
        await Envelope.AssertAsync(await host.SecretAsync(nobody.ById()), 404, "not_found");

        var provisioned = (await host.Installer(_tenant).ProvisionAsync()).device_id;
        var device = nobody with { device_id = provisioned, device_id_key = Factory.Hmac(DevicesHost.MasterKey, provisioned.ToString()) };
        await Envelope.AssertAsync(await host.BootstrapAsync(device.ById()), 401, "unauthorized");
    }

    [Fact]
    public async Task Signatures_come_before_clocks_and_a_clock_that_is_off_is_told_the_time()
    {
        var device = await host.MakeDeviceAsync();
        foreach (var away in new[] { TimeSpan.FromSeconds(-310), TimeSpan.FromSeconds(310), TimeSpan.FromDays(-400) })
        {
            var envelope = await Envelope.AssertAsync(await host.BootstrapAsync(device.ByHardware(Factory.Now(away))), 401, "unauthorized");
            Assert.Equal("clock_skew", envelope.GetProperty("details").GetProperty("reason").GetString());
            var told = envelope.GetProperty("details").GetProperty("server_time").GetString()!;
            Assert.Matches("^[0-9-]{10}T[0-9:]{8}Z$", told);
            Assert.Equal("unclaimed", (await host.BootstrapAsync(device.ByHardware(told)).OkAsync()).GetProperty("status").GetString());

            var forged = new { device.hardware_id, timestamp = Factory.Now(away), signature = new string('0', 64) };
            Assert.False((await Envelope.AssertAsync(await host.BootstrapAsync(forged), 401, "unauthorized")).TryGetProperty("details", out _));
        }

        await host.BootstrapAsync(device.ByHardware(Factory.Now(TimeSpan.FromSeconds(-290)))).OkAsync();
        await host.BootstrapAsync(device.ByHardware(Factory.Now(TimeSpan.FromSeconds(290)))).OkAsync();
    }

    [Theory]
    [InlineData("{}", "device_id")]
    [InlineData("{\"device_id\":\"\",\"hardware_id\":\"\"}", "device_id")]
    [InlineData("{\"device_id\":\"no-id\"}", "device_id")]
    [InlineData("{\"hardware_id\":\"sixteen-or-more.\"}", "hardware_id")]
    [InlineData("{\"hardware_id\":\"a b\"}", "hardware_id")]
    [InlineData("{\"hardware_id\":\"T\"}", "signature")]
    public async Task A_body_that_does_not_say_enough_is_400(string body, string field)
    {
        foreach (var path in new[] { "/devices/bootstrap", "/devices/secret", "/devices/credentials/rotate" })
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await host.Anonymous().PostAsync(path, content, Cancellation);
            Assert.True((await Envelope.AssertAsync(answer, 400, "bad_request")).GetProperty("details").TryGetProperty(field, out _));
        }
    }

    [Fact]
    public async Task An_empty_device_id_beside_the_hardware_id_does_not_matter()
    {
        var device = await host.MakeDeviceAsync();
        var timestamp = Factory.Now();
        var body = new { device_id = "", device.hardware_id, timestamp, signature = Factory.Hmac(device.hardware_id_key!, $"{device.hardware_id}:{timestamp}") };
        Assert.Equal("unclaimed", (await host.BootstrapAsync(body).OkAsync()).GetProperty("status").GetString());
    }

    [Fact]
    public async Task The_answers_fit_into_small_firmware()
    {
        // As long as everything may be.
        var broker = $"wss://{new string('b', 148)}/mqtt";
        await using var far = new FarBrokerHost(broker);
        await far.InitializeAsync();
        var device = await far.ClaimedAsync(_tenant);
        Assert.Equal(15, device.hardware_id!.Length);
        foreach (var path in new[] { "/devices/bootstrap", "/devices/secret" })
        {
            var (head, body) = await RawAsync(far, path, JsonSerializer.Serialize(device.ByHardware()));
            Assert.StartsWith("HTTP/1.1 200 ", head, StringComparison.Ordinal);
            Assert.Contains($"\r\nContent-Length: {body.Length}\r\n", head + "\r\n", StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("Transfer-Encoding", head, StringComparison.OrdinalIgnoreCase);
            Assert.Matches("^[!-~]+$", body);
            Assert.DoesNotContain('\\', body);
            // The gateway's own headers are 366 bytes over TLS and on the legacy prefix.
            Assert.InRange(head.Length + 4 + body.Length, 1, 1023 - 366);
            Assert.Contains(path.EndsWith("secret", StringComparison.Ordinal) ? $"\"broker\":\"{broker}\"" : "\"poll_interval\":60", body, StringComparison.Ordinal);
        }
    }

    private async Task SaysAsync(ImportedDevice device, string status)
    {
        foreach (var body in new[] { device.ByHardware(), device.ById() })
        {
            Assert.Equal(
                $$"""{"status":"{{status}}","device_id":"{{device.device_id}}","hardware_id":"{{device.hardware_id}}","poll_interval":60}""",
                (await host.BootstrapAsync(body).OkAsync()).GetRawText());
        }
    }

    private static async Task<(string Head, string Body)> RawAsync(DevicesHost host, string path, string body)
    {
        var identity = host.Anonymous().DefaultRequestHeaders.GetValues(InternalIdentity.Header).Single();
        using var client = new TcpClient();
        await client.ConnectAsync(host.Address.Host, host.Address.Port, Cancellation);
        await using var stream = client.GetStream();
        var request = $"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{InternalIdentity.Header}: {identity}\r\n"
            + $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), Cancellation);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        var parts = (await reader.ReadToEndAsync(Cancellation)).Split("\r\n\r\n", 2);
        return (parts[0], parts[1]);
    }

    private sealed class FarBrokerHost(string broker) : LonelyHost
    {
        protected override async Task PrepareAsync()
        {
            await base.PrepareAsync();
            Settings["Mqtt:WebSocketUrl"] = broker;
        }
    }
}
