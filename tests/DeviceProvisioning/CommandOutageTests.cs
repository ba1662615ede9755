using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Commands while the broker or the database is away.</summary>
public sealed class CommandOutageTests(CommandOutageTests.LateBrokerHost host) : IClassFixture<CommandOutageTests.LateBrokerHost>
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_said_while_the_one_or_the_other_was_away_arrives()
    {
        var operators = host.Operator(_tenant);
        var provisioned = await host.Installer(_tenant).ProvisionAsync();
        var given = await operators.CommandAsync(provisioned.device_id, new { name = "early" });
        using (var ready = await host.Direct().GetAsync("/health/ready", Cancellation))
        {
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
            var checks = (await ready.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("checks");
            Assert.Equal("error", checks.GetProperty("mqtt").GetString());
        }

        await host.Mqtt.StartAsync(host.Address);
        using var device = await MqttDevice.ConnectAsync(host, provisioned);
        await device.SubscribeAsync();
        await Eventually.TrueAsync(() => Task.FromResult(device.Names is ["early"]));

        await host.Database.SetReachableAsync(false);
        try
        {
            await device.AnswerAsync(given.Id(), """{"status": "ok"}""");
            await device.PublishAsync("status", "online");
        }
        finally
        {
            await host.Database.SetReachableAsync(true);
        }

        await Eventually.TrueAsync(async () =>
            (await operators.ViewAsync(provisioned.device_id, given.Id())).GetProperty("state").GetString() == "acknowledged"
            && await host.ScalarAsync<string>("SELECT reported FROM devices WHERE id = $1", provisioned.device_id) == "online");
    }

    /// <summary>A service whose broker starts when the test says so.</summary>
    public sealed class LateBrokerHost : LonelyHost
    {
        protected override async Task PrepareAsync()
        {
            await base.PrepareAsync();
            PrepareBroker();
        }

        protected override Task StartedAsync() => Task.CompletedTask;
    }
}
