using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A database that hangs for longer than a login may take.</summary>
public sealed class StuckDatabaseTests(StuckDatabaseTests.HastyHost host) : IClassFixture<StuckDatabaseTests.HastyHost>
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_login_that_the_database_keeps_waiting_is_answered_503_while_it_still_hangs()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        await using var connection = await host.Superuser.OpenConnectionAsync(Cancellation);
        await using (await LockAsync(connection, "LOCK TABLE devices"))
        {
            using var answer = await host.Broker().PostLoginAsync(Calls.LoginBody(device.mqtt_username, "wrong"));
            await Envelope.AssertAsync(answer, 503, "service_unavailable");
        }

        await Eventually.TrueAsync(async () => await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret) == "allow");
    }

    [Fact]
    public async Task A_device_that_is_known_gets_in_while_the_database_hangs()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        await host.Broker().LogInAsync(device.mqtt_username, device.device_secret);
        await Eventually.TrueAsync(() => Task.FromResult(host.Services.GetRequiredService<LoginMemory>()
            .LogIn(device.mqtt_username, Credential.Hash(device.device_secret)) is { Status: DeviceStatus.Active }));
        await using var connection = await host.Superuser.OpenConnectionAsync(Cancellation);
        await using (await LockAsync(connection, "LOCK TABLE devices"))
        {
            Assert.Equal("allow", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
        }
    }

    [Fact]
    public async Task A_device_that_cannot_be_made_active_now_gets_in_all_the_same()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        await using var connection = await host.Superuser.OpenConnectionAsync(Cancellation);
        await using (await LockAsync(connection, $"SELECT FROM devices WHERE id = '{device.device_id}' FOR UPDATE"))
        {
            Assert.Equal("allow", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
            Assert.Equal("claimed", (await host.StateAsync(device.device_id)).GetProperty("status").GetString());
        }

        await Eventually.TrueAsync(async () =>
        {
            await host.Broker().LogInAsync(device.mqtt_username, device.device_secret);
            return (await host.StateAsync(device.device_id)).GetProperty("status").GetString() == "active";
        });
    }

    private static async Task<NpgsqlTransaction> LockAsync(NpgsqlConnection connection, string sql)
    {
        var transaction = await connection.BeginTransactionAsync(Cancellation);
        await using var command = new NpgsqlCommand(sql, connection, transaction);
        await command.ExecuteNonQueryAsync(Cancellation);
        return transaction;
    }

    public sealed class HastyHost : LonelyHost
    {
        protected override async Task PrepareAsync()
        {
            await base.PrepareAsync();
            Settings["Mqtt:LoginBudget"] = "00:00:04";
        }
    }
}
