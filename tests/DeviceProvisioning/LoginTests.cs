using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>What the broker is answered when a client connects.</summary>
public sealed class LoginTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly HttpClient _broker = host.Broker();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_device_gets_in_by_id_and_by_label_with_its_own_topics()
    {
        var device = await host.Installer(_tenant).ProvisionAsync(Calls.NewLabel());
        var byId = await _broker.LogInAsync(device.mqtt_username, device.device_secret);
        var byLabel = await _broker.LogInAsync(device.device_label, device.device_secret);
        Assert.Equal(byId.GetRawText(), byLabel.GetRawText());
        await Snapshot.AssertAsync("login-device.json", byId.GetRawText()
            .Replace(_tenant.ToString(), "TENANT", StringComparison.Ordinal)
            .Replace(device.device_id.ToString(), "DEVICE", StringComparison.Ordinal)
            .Replace(await CredentialAsync(device), "CREDENTIAL", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Ingestion_gets_in_with_its_account()
    {
        var answer = await _broker.LogInAsync("service/ingestion", DevicesHost.ServicePassword, "service/ingestion-1");
        await Snapshot.AssertAsync("login-ingestion.json", answer.GetRawText());
        Assert.Equal("deny", await _broker.ResultOfAsync("service/ingestion", "wrong", "service/ingestion-1"));
        Assert.Equal("deny", await _broker.ResultOfAsync("service/", DevicesHost.ServicePassword, "service/ingestion-1"));
        Assert.Equal("deny", await _broker.ResultOfAsync("service/Ingestion", DevicesHost.ServicePassword));
        Assert.Equal("deny", await _broker.ResultOfAsync("service/another", DevicesHost.ServicePassword));
    }

    [Fact]
    public async Task This_service_gets_in_with_its_own_account()
    {
        var answer = await _broker.LogInAsync("service/device-provisioning", DevicesHost.OwnPassword, "service/device-provisioning-1");
        await Snapshot.AssertAsync("login-device-provisioning.json", answer.GetRawText());
        Assert.Equal("deny", await _broker.ResultOfAsync("service/device-provisioning", DevicesHost.ServicePassword, "service/device-provisioning-1"));
    }

    [Fact]
    public async Task Who_is_refused_gets_200_with_deny_and_no_topic()
    {
        var answer = await _broker.LogInAsync("nobody", "nothing");
        Assert.Equal(
            """{"result":"deny","is_superuser":false,"client_attrs":{},"acl":[{"permission":"deny","action":"all","topic":"#"}]}""",
            answer.GetRawText());
    }

    [Fact]
    public async Task A_wrong_or_missing_secret_is_refused()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var another = await host.Installer(_tenant).ProvisionAsync();
        foreach (var password in new[] { another.device_secret, device.device_secret.ToUpperInvariant(), device.device_secret[..63], "", null })
        {
            Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, password));
        }

        // The hash that is kept is no password.
        var hash = await host.ScalarAsync<string>("SELECT encode(secret_sha256, 'hex') FROM credentials WHERE device_id = $1", device.device_id);
        Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, hash));
        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
    }

    [Fact]
    public async Task A_user_name_that_is_no_device_is_refused()
    {
        var device = await host.Installer(_tenant).ProvisionAsync("Case " + Calls.NewLabel());
        foreach (var username in new[]
        {
            Guid.CreateVersion7().ToString(), "", null, "\0", "a\0b", "#", "+", "$SYS", new string('x', 5000),
            device.device_label.ToUpperInvariant(), device.device_label + " ", "' OR 1=1 --", "%",
        })
        {
            Assert.Equal("deny", await _broker.ResultOfAsync(username, device.device_secret));
        }
    }

    [Fact]
    public async Task A_user_name_shaped_like_a_uuid_is_only_ever_an_id()
    {
        // Past the rules for labels, as an import with a fault would.
        var (victim, impostor) = (await host.Installer(_tenant).ProvisionAsync(), await host.Installer(_tenant).ProvisionAsync());
        await host.ScalarAsync<object>("UPDATE devices SET device_label = $1 WHERE id = $2", victim.device_id.ToString(), impostor.device_id);
        await _broker.EndsAsync("deny", impostor.device_label, impostor.device_secret);
        Assert.Equal("deny", await _broker.ResultOfAsync(victim.mqtt_username, impostor.device_secret));
        Assert.Equal("allow", await _broker.ResultOfAsync(victim.mqtt_username, victim.device_secret));
    }

    [Theory]
    [InlineData("claimed", "allow")]
    [InlineData("active", "allow")]
    [InlineData("suspended", "deny")]
    [InlineData("revoked", "deny")]
    [InlineData("unclaimed", "deny")]
    public async Task The_status_decides(string status, string result)
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        await host.ScalarAsync<object>(
            "UPDATE devices SET status = $1, tenant_id = CASE $1 WHEN 'unclaimed' THEN NULL ELSE tenant_id END WHERE id = $2", status, device.device_id);
        await _broker.EndsAsync(result, device.mqtt_username, device.device_secret);
        await _broker.EndsAsync(result, device.device_label, device.device_secret);
    }

    [Theory]
    [InlineData("valid_until = now()", "deny")]
    [InlineData("valid_until = now() + interval '1 hour'", "allow")]
    [InlineData("valid_from = now() + interval '1 hour'", "deny")]
    public async Task A_secret_passes_within_its_window(string window, string result)
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        await host.ScalarAsync<object>($"UPDATE credentials SET {window} WHERE device_id = $1", device.device_id);
        await _broker.EndsAsync(result, device.mqtt_username, device.device_secret);
    }

    [Fact]
    public async Task While_secrets_overlap_each_passes_and_one_of_a_former_tenant_does_not()
    {
        var (device, donor) = (await host.Installer(_tenant).ProvisionAsync(), await host.Installer(_tenant).ProvisionAsync());
        await host.ScalarAsync<object>("UPDATE credentials SET device_id = $1 WHERE device_id = $2", device.device_id, donor.device_id);
        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, donor.device_secret));

        await host.ScalarAsync<object>("UPDATE devices SET tenant_id = gen_random_uuid() WHERE id = $1", device.device_id);
        await _broker.EndsAsync("deny", device.mqtt_username, device.device_secret);
        Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, donor.device_secret));
    }

    [Theory]
    [InlineData("service/ingestion-1", "deny")]
    [InlineData("service/", "deny")]
    [InlineData("service", "allow")]
    [InlineData("", "allow")]
    public async Task Client_ids_of_services_are_theirs(string clientId, string result)
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        Assert.Equal(result, await _broker.ResultOfAsync(device.mqtt_username, device.device_secret, clientId));
    }

    [Fact]
    public async Task A_session_ends_with_the_secret_that_it_began_with()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        Assert.False((await _broker.LogInAsync(device.mqtt_username, device.device_secret)).TryGetProperty("expire_at", out _));
        var until = new DateTimeOffset(2126, 2, 15, 12, 0, 0, TimeSpan.Zero);
        await host.ScalarAsync<object>("UPDATE credentials SET valid_until = $1 WHERE device_id = $2", until, device.device_id);
        await Eventually.TrueAsync(async () => (await _broker.LogInAsync(device.mqtt_username, device.device_secret))
            .TryGetProperty("expire_at", out var at) && at.GetInt64() == until.ToUnixTimeSeconds());
    }

    [Fact]
    public async Task Another_devices_id_is_no_client_id_also_while_that_device_is_away()
    {
        var (device, another) = (await host.Installer(_tenant).ProvisionAsync(), await host.Installer(Guid.CreateVersion7()).ProvisionAsync());
        await host.KnowsAsync(device);
        Assert.Equal("deny", await _broker.ResultOfAsync(another.mqtt_username, another.device_secret, device.device_id.ToString()));
        Assert.Equal("deny", await _broker.ResultOfAsync(another.mqtt_username, another.device_secret, device.device_id.ToString("N")));
        Assert.Equal("allow", await _broker.ResultOfAsync(another.mqtt_username, another.device_secret, Guid.NewGuid().ToString()));
        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret, device.device_id.ToString()));
    }

    [Fact]
    public async Task Without_the_hook_key_nothing_is_answered()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var body = JsonSerializer.Serialize(new { clientid = "c", username = device.mqtt_username, password = device.device_secret });
        foreach (var client in new[] { host.Direct(), host.Broker(""), host.Broker("wrong"), host.Broker(DevicesHost.ServiceKey) })
        {
            await Envelope.AssertAsync(await client.PostLoginAsync(body), 401, "unauthorized");
        }

        await Envelope.AssertAsync(await host.Installer(_tenant).PostLoginAsync(body), 403, "forbidden");
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("\"allow\"")]
    [InlineData("null")]
    [InlineData("{\"username\": 5, \"password\": \"x\"}")]
    [InlineData("{\"username\": \"\\ud800\", \"password\": \"x\"}")]
    [InlineData("{\"username\": \"a\", \"username\": \"b\", \"password\": \"x\"}")]
    public async Task A_malformed_body_is_400(string body) =>
        await Envelope.AssertAsync(await _broker.PostLoginAsync(body), 400, "bad_request");

    [Fact]
    public async Task A_field_that_we_did_not_ask_for_changes_nothing()
    {
        using var answer = await _broker.PostLoginAsync("""{"clientid": "c", "username": "u", "password": "p", "proto_ver": 5}""");
        Assert.Contains("\"deny\"", await answer.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    private async Task<string> CredentialAsync(ProvisionedDevice device) =>
        (await host.ScalarAsync<Guid>("SELECT id FROM credentials WHERE device_id = $1", device.device_id)).ToString();
}
