using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Memory says yes only to what the database says yes to, whichever instance changed it.</summary>
public sealed class TwoInstancesTests(TwoInstancesTests.TwoInstances instances) : IClassFixture<TwoInstancesTests.TwoInstances>
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly DevicesHost _host = instances.First;

    [Theory]
    [InlineData("UPDATE devices SET status = 'suspended' WHERE id = $1")]
    [InlineData("UPDATE devices SET tenant_id = gen_random_uuid() WHERE id = $1")]
    [InlineData("UPDATE credentials SET valid_until = now() WHERE device_id = $1")]
    [InlineData("UPDATE credentials SET secret_sha256 = sha256('another') WHERE device_id = $1")]
    [InlineData("DELETE FROM credentials WHERE device_id = $1")]
    [InlineData("DELETE FROM devices WHERE id = $1")]
    [InlineData("INSERT INTO tenants SELECT tenant_id, 'suspended', 1 FROM devices WHERE id = $1")]
    public async Task What_happens_in_one_place_every_instance_knows(string change)
    {
        var second = instances.Second;
        var device = await second.Installer(_tenant).ProvisionAsync();
        await _host.KnowsAsync(device);
        await second.KnowsAsync(device);
        await _host.ScalarAsync<object>(change, device.device_id);
        await _host.KnowsAsync(device, false);
        await second.KnowsAsync(device, false);
        Assert.Equal("deny", await _host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
        Assert.Equal("deny", await _host.Broker().ResultOfAsync(device.device_label, device.device_secret));
    }

    [Fact]
    public async Task A_tenant_that_is_active_again_has_its_devices_back()
    {
        var device = await _host.Installer(_tenant).ProvisionAsync();
        // Else what is waited for below may come of its not being known yet.
        await _host.KnowsAsync(device);
        await _host.ScalarAsync<object>("INSERT INTO tenants VALUES ($1, 'suspended', 1)", _tenant);
        await _host.KnowsAsync(device, false);
        Assert.Equal("deny", await _host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
        await _host.ScalarAsync<object>("UPDATE tenants SET status = 'active', version = 2 WHERE tenant_id = $1", _tenant);
        await _host.KnowsAsync(device);
    }

    [Fact]
    public async Task A_label_that_changes_hands_is_the_new_ones()
    {
        var (one, another) = (await _host.Installer(_tenant).ProvisionAsync(Calls.NewLabel()), await _host.Installer(_tenant).ProvisionAsync());
        await _host.ScalarAsync<object>("UPDATE devices SET device_label = $1 WHERE id = $2", Calls.NewLabel(), one.device_id);
        await _host.ScalarAsync<object>("UPDATE devices SET device_label = $1 WHERE id = $2", one.device_label, another.device_id);
        var memory = _host.Services.GetRequiredService<LoginMemory>();
        await Eventually.TrueAsync(() => Task.FromResult(
            memory.LogIn(one.device_label, Credential.Hash(another.device_secret))?.DeviceId == another.device_id));
        Assert.Null(memory.LogIn(one.device_label, Credential.Hash(one.device_secret)));
    }

    [Fact]
    public async Task Both_secrets_of_an_overlap_are_known_and_one_that_is_not_valid_yet_is_not()
    {
        var (device, donor) = (await _host.Installer(_tenant).ProvisionAsync(), await _host.Installer(_tenant).ProvisionAsync());
        await _host.ScalarAsync<object>("UPDATE credentials SET device_id = $1 WHERE device_id = $2", device.device_id, donor.device_id);
        await _host.KnowsAsync(device);
        await _host.KnowsAsync(device with { device_secret = donor.device_secret });
        await _host.ScalarAsync<object>(
            "UPDATE credentials SET valid_from = now() + interval '1 hour' WHERE device_id = $1 AND secret_sha256 = $2",
            device.device_id, Credential.Hash(donor.device_secret));
        await _host.KnowsAsync(device with { device_secret = donor.device_secret }, false);
        await _host.KnowsAsync(device);
    }

    [Fact]
    public async Task What_is_forgotten_is_unknown_until_it_is_read_again()
    {
        var device = await _host.Installer(_tenant).ProvisionAsync();
        await _host.KnowsAsync(device);
        var memory = _host.Services.GetRequiredService<LoginMemory>();
        await using (var connection = await _host.Superuser.OpenConnectionAsync(TestContext.Current.CancellationToken))
        await using (var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken))
        {
            await using var command = new Npgsql.NpgsqlCommand("LOCK TABLE credentials", connection, transaction);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            memory.Forget(device.device_id);
            Assert.Null(memory.LogIn(device.mqtt_username, Credential.Hash(device.device_secret)));
            Assert.Null(memory.LogIn(device.device_label, Credential.Hash(device.device_secret)));
        }

        await _host.KnowsAsync(device);
    }

    [Fact]
    public async Task What_is_missed_while_nobody_listens_is_read_after_it()
    {
        var (device, another) = (await _host.Installer(_tenant).ProvisionAsync(), await _host.Installer(_tenant).ProvisionAsync());
        await _host.KnowsAsync(device);
        // The listener is gone before the change is committed.
        await _host.ScalarAsync<object>(
            """
            WITH killed AS (SELECT pg_terminate_backend(pid, 5000) AS dead FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename LIKE '%system%')
            UPDATE devices SET status = CASE id WHEN $1 THEN 'suspended' ELSE status END
            WHERE id IN ($1, $2) AND (SELECT count(*) FROM killed WHERE dead) > 0
            """,
            device.device_id, another.device_id);
        await _host.KnowsAsync(device, false);
        await _host.KnowsAsync(another);
        Assert.Equal("deny", await _host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
    }

    /// <summary>Two instances of the service on one database.</summary>
    public sealed class TwoInstances : IAsyncLifetime
    {
        public DevicesHost First { get; } = new LonelyHost();

        public DevicesHost Second { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            await First.InitializeAsync();
            Second = await First.RestartedAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await Second.DisposeAsync();
            await First.DisposeAsync();
        }
    }
}
