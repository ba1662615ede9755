using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Devices that come over from the earlier system, with their ids, tenants, hashes and ways of signing.</summary>
public sealed class BringOverTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly Guid _id = Guid.NewGuid();
    private readonly string _hardware = Factory.NewHardwareId();

    [Fact]
    public async Task An_active_device_keeps_its_id_and_its_tenant()
    {
        var hash = BCrypt.Net.BCrypt.HashPassword("an old secret", 4);
        var device = await host.BringOverAsync(
            new { device_id = _id, tenant_id = _tenant, status = "active", device_label = Calls.NewLabel(), device_secret_bcrypt = hash });
        Assert.Equal(("created", _id), (device.result, device.device_id));
        Assert.Null(device.hardware_id);
        Assert.Null(device.hardware_id_key);
        Assert.Equal(
            "active|t|t",
            await host.ScalarAsync<string>("SELECT concat_ws('|', status, claimed_at IS NOT NULL, activated_at IS NOT NULL) FROM devices WHERE id = $1 AND tenant_id = $2", _id, _tenant));
        var answer = await host.BootstrapAsync(device.ById()).OkAsync();
        Assert.Equal($$"""{"status":"active","device_id":"{{_id}}","hardware_id":"","poll_interval":60}""", answer.GetRawText());
        await Envelope.AssertAsync(await host.SecretAsync(device.ById()), 409, "conflict");
    }

    [Fact]
    public async Task A_tenants_device_without_a_label_gets_one_and_its_secrets_hash_is_kept()
    {
        var hash = BCrypt.Net.BCrypt.HashPassword("an old secret", 4);
        var device = await host.BringOverAsync(new { device_id = _id, tenant_id = _tenant, device_secret_bcrypt = hash });
        Assert.StartsWith("device-", device.device_label, StringComparison.Ordinal);
        Assert.Equal(hash, await host.ScalarAsync<string>("SELECT secret_bcrypt FROM credentials WHERE device_id = $1 AND tenant_id = $2", _id, _tenant));
    }

    [Fact]
    public async Task A_claim_codes_hash_is_accepted_once_and_replaced()
    {
        const string Code = "old-code-7";
        var hash = BCrypt.Net.BCrypt.HashPassword(Code, 4);
        var device = await host.BringOverAsync(new { hardware_id = _hardware, claim_code_bcrypt = hash });
        Assert.Null(device.claim_code);
        var client = host.Installer(_tenant);
        await Envelope.AssertAsync(await client.PostClaimAsync(new { device.device_id, claim_code = "old-code-8" }), 401, "unauthorized");
        await client.ClaimAsync(device with { claim_code = Code });
        Assert.True(await host.ScalarAsync<bool>("SELECT claim_code_bcrypt IS NULL AND claim_code_sha256 IS NOT NULL FROM registry WHERE device_id = $1", device.device_id));

        // From then on it is a code as any other.
        await host.UnclaimAsync(device.device_id);
        await host.Installer(Guid.CreateVersion7()).ClaimAsync(device with { claim_code = "OLD CODE 7" });
    }

    [Theory]
    [InlineData("{\"device_id\":\"no-id\"}", "device_id: ")]
    [InlineData("{\"device_id\":\"00000000-0000-0000-0000-000000000000\"}", "device_id: ")]
    [InlineData("{\"hardware_id\":\"T-x\",\"tenant_id\":\"7\"}", "tenant_id: ")]
    [InlineData("{\"hardware_id\":\"T-x\",\"status\":\"asleep\"}", "status: ")]
    [InlineData("{\"hardware_id\":\"T-x\",\"status\":\"active\"}", "status: needs a tenant_id")]
    [InlineData("{\"hardware_id\":\"T-x\",\"status\":\"unclaimed\",\"tenant_id\":\"019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70\"}", "status: unclaimed")]
    [InlineData("{\"hardware_id\":\"T-x\",\"claim_code_bcrypt\":\"plain\"}", "claim_code_bcrypt: ")]
    [InlineData("{\"hardware_id\":\"T-x\",\"claim_code_bcrypt\":\"$2a$31$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde\"}", "claim_code_bcrypt: ")]
    [InlineData("{\"hardware_id\":\"T-x\",\"device_secret_bcrypt\":\"$2a$04$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde\"}", "device_secret_bcrypt: needs")]
    [InlineData("{\"hardware_id\":\"T-x\",\"legacy_signing\":\"maybe\"}", "legacy_signing: ")]
    public async Task A_line_that_cannot_be_says_why(string line, string why)
    {
        var answer = (await host.SuperAdmin().ImportAsync(line))[0];
        Assert.Equal("error", answer.GetProperty("result").GetString());
        Assert.StartsWith(why, answer.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ids_of_two_devices_on_one_line_are_an_error()
    {
        var (one, other) = (await host.MakeDeviceAsync(), await host.MakeDeviceAsync());
        foreach (var line in new object[]
        {
            new { one.hardware_id, other.device_id },
            new { hardware_id = _hardware, one.device_id },
            new { one.hardware_id, device_id = _id },
        })
        {
            var answer = (await host.SuperAdmin().ImportAsync(JsonSerializer.Serialize(line)))[0];
            Assert.Equal("device_id and hardware_id are not of the same device", answer.GetProperty("message").GetString());
        }

        Assert.Equal("exists", (await host.BringOverAsync(new { one.hardware_id, one.device_id })).result);
    }

    [Fact]
    public async Task Who_signs_the_legacy_way_is_let_through_where_so_marked_and_recorded_once_a_day()
    {
        using var legacy = new Counted(host, "devices.legacy_signatures");
        var device = await host.BringOverAsync(new { device_id = _id, hardware_id = _hardware, legacy_signing = true });
        await host.Installer(_tenant).ClaimAsync(device);
        foreach (var master in new[] { DevicesHost.MasterKey, DevicesHost.EarlierMasterKey })
        {
            var signed = Legacy(_hardware, master);
            Assert.Equal("claimed", (await host.BootstrapAsync(signed).OkAsync()).GetProperty("status").GetString());
        }

        // Its own key passes as well, and the master key under its other name.
        Assert.Equal("claimed", await host.StatusAsync(device));
        await host.SecretAsync(new { device_id = _id, timestamp = Time, signature = Factory.Hmac(DevicesHost.EarlierMasterKey, $"{_id}:{Time}") }).OkAsync();
        await host.Events.ExpectAsync<AuditRecorded>(e => e.DeviceId == _id && e.EventType == "device.secret_delivered");
        var noted = Assert.Single(host.Events.All<AuditRecorded>(e => e.DeviceId == _id && e.EventType == "device.legacy_signature"));
        Assert.Equal(("warning", _tenant, "device"), (noted.Severity, noted.TenantId!.Value, noted.ActorType));
        Assert.True(legacy.Sum > 0);
    }

    [Fact]
    public async Task The_legacy_way_is_closed_to_every_other_device_and_to_rotation()
    {
        var device = await host.MakeDeviceAsync();
        await Envelope.AssertAsync(await host.BootstrapAsync(Legacy(device.hardware_id!, DevicesHost.MasterKey)), 401, "unauthorized");
        await Envelope.AssertAsync(await host.BootstrapAsync(Legacy(Factory.NewHardwareId(), DevicesHost.MasterKey)), 401, "unauthorized");

        var legacy = await host.BringOverAsync(new { device_id = _id, hardware_id = _hardware, legacy_signing = true });
        var signed = new { legacy.hardware_id, timestamp = Time, signature = Factory.Hmac(DevicesHost.MasterKey, $"{_hardware}:{Time}:rotate") };
        await Envelope.AssertAsync(await host.RotateAsync(signed), 401, "unauthorized");
    }

    private string Time { get; } = Factory.Now();

    private static object Legacy(string hardware, string master)
    {
        var timestamp = Factory.Now();
        return new { hardware_id = hardware, timestamp, signature = Factory.Hmac(master, $"{hardware}:{timestamp}") };
    }
}
