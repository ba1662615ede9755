using System.Diagnostics;
using System.Text.Json;
using EasySmart.DeviceProvisioning.Messages;
using EasySmart.Hosting;
using Microsoft.Extensions.DependencyInjection;
using MQTTnet.Exceptions;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>The service and the local fleet's broker together: its events, its management API, its sessions.</summary>
public sealed class BrokerTests(BrokerTests.TogetherHost host) : IClassFixture<BrokerTests.TogetherHost>
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task A_device_that_returns_is_online_and_gets_what_waited_for_it()
    {
        var provisioned = await host.Installer(_tenant).ProvisionAsync();
        var given = await host.Operator(_tenant).CommandAsync(provisioned.device_id, new { name = "reboot" });
        using (var device = await MqttDevice.ConnectAsync(host, provisioned, told: false))
        {
            await device.SubscribeAsync();
            await Eventually.TrueAsync(() => Task.FromResult(device.Names is ["reboot"]));
            Assert.Equal(given.Id(), device.Commands[0].GetProperty("id").GetGuid());
            await IsOnlineAsync(provisioned, true);
            Assert.Equal("127.0.0.1", await host.ScalarAsync<string>("SELECT last_ip FROM devices WHERE id = $1", provisioned.device_id));
            Assert.NotEqual(Guid.Empty, await host.ScalarAsync<Guid>("SELECT credential_id FROM mqtt_sessions WHERE device_id = $1", provisioned.device_id));
        }

        await IsOnlineAsync(provisioned, false);
    }

    [Fact]
    public async Task Two_instances_send_a_devices_commands_once_and_in_order()
    {
        await using var other = await host.RestartedAsync(
            ("Mqtt:Port", $"{host.Mqtt.Port}"), ("Mqtt:ClientId", "service/device-provisioning-2"),
            ("BrokerApi:Url", $"http://127.0.0.1:{host.Mqtt.AdminPort}"));
        var session = other.Services.GetRequiredService<BrokerSession>();
        await Eventually.TrueAsync(() => Task.FromResult(session.IsUp));
        var provisioned = await host.Installer(_tenant).ProvisionAsync();
        using var device = await MqttDevice.ConnectAsync(host, provisioned, told: false);
        await device.SubscribeAsync();
        // Else what is sent before the service hears of the subscription is sent once more, and has to be.
        await Eventually.TrueAsync(() => Task.FromResult(host.Mqtt.HasToldAll));
        HttpClient[] operators = [host.Operator(_tenant), other.Operator(_tenant)];
        for (var i = 0; i < 60; i++)
        {
            await operators[i % 2].CommandAsync(provisioned.device_id, new { name = "step", payload = i });
        }

        await Eventually.TrueAsync(async () => await host.ScalarAsync<long>(
            "SELECT count(*) FROM commands WHERE device_id = $1 AND state = 'sent' AND due = 0", provisioned.device_id) == 60);
        await Eventually.TrueAsync(() => Task.FromResult(device.Received.Count >= 60));
        Assert.Equal(Enumerable.Range(0, 60), device.Commands.Select(command => command.GetProperty("payload").GetInt32()));
    }

    [Theory]
    [InlineData("suspend")]
    [InlineData("revoke")]
    [InlineData("delete")]
    [InlineData("reset")]
    [InlineData("rotate")]
    public async Task A_device_that_is_shut_out_loses_its_session_and_does_not_come_back(string how)
    {
        var client = host.As(_tenant, permissions: ["devices:read", "devices:write", "devices:delete", "devices:provision"]);
        for (var trial = 0; trial < 4; trial++)
        {
            var provisioned = await host.Installer(_tenant).ProvisionAsync();
            using var device = await MqttDevice.ConnectAsync(host, provisioned, expiry: 3600, told: false);
            await device.SubscribeAsync();
            using (var answer = await ShutOutAsync(client, provisioned.device_id, how))
            {
                Assert.True(answer.IsSuccessStatusCode, $"{how}: {answer.StatusCode}");
            }

            var clock = Stopwatch.StartNew();
            await Eventually.TrueAsync(() => Task.FromResult(!device.IsConnected));
            TestContext.Current.TestOutputHelper?.WriteLine($"{how}: {clock.ElapsedMilliseconds} ms");
            await Assert.ThrowsAsync<MqttCommunicationException>(() => MqttDevice.ConnectAsync(host, provisioned, told: false));
            await Eventually.TrueAsync(async () => await host.ScalarAsync<long>(
                "SELECT count(*) FROM mqtt_sessions WHERE device_id = $1 AND (connected OR held_until IS NOT NULL)", provisioned.device_id) == 0);
        }
    }

    private static Task<HttpResponseMessage> ShutOutAsync(HttpClient client, Guid device, string how)
    {
        var cancellation = TestContext.Current.CancellationToken;
        return how switch
        {
            "delete" => client.DeleteAsync($"/devices/{device}", cancellation),
            "reset" => client.PostAsync("/devices/reset", Json(new { device_id = device, confirmation = "RESET" }), cancellation),
            "rotate" => client.PostAsync($"/devices/{device}/credentials/rotate", Json(new { }), cancellation),
            _ => client.PostAsync($"/devices/{device}/{how}", null, cancellation),
        };
    }

    private static StringContent Json(object body) => new(JsonSerializer.Serialize(body), null, "application/json");

    private Task IsOnlineAsync(ProvisionedDevice device, bool online) => Eventually.TrueAsync(async () =>
        await host.ScalarAsync<bool>("SELECT connected FROM mqtt_sessions WHERE device_id = $1", device.device_id) == online);

    /// <summary>A service with a broker that tells it everything.</summary>
    public sealed class TogetherHost : LonelyHost
    {
        protected override async Task PrepareAsync()
        {
            await base.PrepareAsync();
            PrepareBroker();
            Settings["BrokerApi:Url"] = $"http://127.0.0.1:{Mqtt.AdminPort}";
            Settings["BrokerApi:ReconcileEvery"] = "00:00:05";
        }

        protected override async Task StartedAsync()
        {
            await Mqtt.StartAsync(Address, tells: true);
            var session = Services.GetRequiredService<BrokerSession>();
            await Eventually.TrueAsync(() => Task.FromResult(session.IsUp));
        }
    }
}
