using EasySmart.DeviceProvisioning.Devices;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A secret of the earlier system gets in once by its bcrypt hash, and ever after by its SHA-256.</summary>
public sealed class EarlierSecretTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task It_is_accepted_once_and_replaced()
    {
        var device = await ImportedAsync(host, cost: 5);
        Assert.Equal("deny", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret + "x"));
        Assert.False(await IsReplacedAsync(host, device));
        Assert.Equal("allow", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
        Assert.True(await IsReplacedAsync(host, device));
        await host.KnowsAsync(device);
        Assert.Equal("deny", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret + "x"));
    }

    [Fact]
    public async Task Many_at_once_all_get_in()
    {
        var devices = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => ImportedAsync(host, cost: 6)));
        var results = await Task.WhenAll(devices.Concat(devices).Select(d => host.Broker().ResultOfAsync(d.mqtt_username, d.device_secret)));
        Assert.All(results, result => Assert.Equal("allow", result));
    }

    [Fact]
    public async Task A_device_that_may_not_connect_is_refused_without_a_check()
    {
        var device = await ImportedAsync(host, cost: 5);
        await host.ScalarAsync<object>("UPDATE devices SET status = 'suspended' WHERE id = $1", device.device_id);
        Assert.Equal("deny", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
        Assert.False(await IsReplacedAsync(host, device));
    }

    [Fact]
    public async Task A_check_that_takes_longer_than_a_login_may_goes_on_and_a_later_try_gets_in()
    {
        await using var hasty = new HastyHost();
        await hasty.InitializeAsync();
        var device = await ImportedAsync(hasty, cost: 14);
        await Envelope.AssertAsync(
            await hasty.Broker().PostLoginAsync(Calls.LoginBody(device.mqtt_username, device.device_secret)), 503, "service_unavailable");
        await Eventually.TrueAsync(() => IsReplacedAsync(hasty, device));
        await hasty.Broker().EndsAsync("allow", device.mqtt_username, device.device_secret);
    }

    private async Task<ProvisionedDevice> ImportedAsync(DevicesHost on, int cost)
    {
        var device = await on.Installer(_tenant).ProvisionAsync();
        var hash = BCrypt.Net.BCrypt.HashPassword(device.device_secret, cost);
        await on.ScalarAsync<object>(
            "UPDATE credentials SET secret_sha256 = NULL, secret_bcrypt = $1 WHERE device_id = $2", hash, device.device_id);
        await on.KnowsAsync(device, false);
        return device;
    }

    private static async Task<bool> IsReplacedAsync(DevicesHost on, ProvisionedDevice device) => await on.ScalarAsync<bool>(
        "SELECT secret_bcrypt IS NULL AND secret_sha256 = $1 FROM credentials WHERE device_id = $2",
        Credential.Hash(device.device_secret), device.device_id);

    private sealed class HastyHost : LonelyHost
    {
        protected override async Task PrepareAsync()
        {
            await base.PrepareAsync();
            Settings["Mqtt:LoginBudget"] = "00:00:00.250";
        }
    }
}
