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

/// <summary>What is answered while a server behind the service is away or stuck. One test at a time: they share the outage.</summary>
public sealed class OutageTests(LonelyHost host) : IClassFixture<LonelyHost>
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task While_RabbitMQ_is_away_the_service_is_ready_and_the_outbox_holds()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        Assert.Equal(3L, await host.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE key = $1", device.device_id.ToString()));
        using var ready = await host.Direct().GetAsync("/health/ready", Cancellation);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        var checks = (await ready.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("checks");
        Assert.Equal(("ok", "error"), (checks.GetProperty("database").GetString(), checks.GetProperty("rabbitmq").GetString()));
    }

    [Fact]
    public async Task While_the_database_is_away_known_devices_and_ingestion_get_in_and_who_is_unknown_is_refused_without_a_decision()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        await host.KnowsAsync(device);
        await host.Database.SetReachableAsync(false);
        try
        {
            Assert.Equal("allow", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
            using var unknown = await host.Broker().PostLoginAsync(Calls.LoginBody(Guid.NewGuid().ToString(), device.device_secret));
            await Envelope.AssertAsync(unknown, 503, "service_unavailable");
            using var wrong = await host.Broker().PostLoginAsync(Calls.LoginBody(device.mqtt_username, "wrong"));
            await Envelope.AssertAsync(wrong, 503, "service_unavailable");
            Assert.Equal("allow", await host.Broker().ResultOfAsync("service/ingestion", DevicesHost.ServicePassword));
            await Envelope.AssertAsync(await host.Installer(_tenant).PostProvisionAsync(), 503, "service_unavailable");
            using var ready = await host.Direct().GetAsync("/health/ready", Cancellation);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
            using var alive = await host.Direct().GetAsync("/health/live", Cancellation);
            Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
        }
        finally
        {
            await host.Database.SetReachableAsync(true);
        }

        await Eventually.TrueAsync(async () => await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret) == "allow");
        using var back = await host.Direct().GetAsync("/health/ready", Cancellation);
        Assert.Equal(HttpStatusCode.OK, back.StatusCode);
    }
}

/// <summary>A database that stays away for longer than memory is trusted.</summary>
public sealed class LongOutageTests(LongOutageTests.DoubtingHost host) : IClassFixture<LongOutageTests.DoubtingHost>
{
    [Fact]
    public async Task In_the_end_the_database_must_answer()
    {
        var device = await host.Installer(Guid.CreateVersion7()).ProvisionAsync();
        await host.KnowsAsync(device);
        await host.Database.SetReachableAsync(false);
        try
        {
            await Eventually.TrueAsync(async () =>
            {
                using var answer = await host.Broker().PostLoginAsync(Calls.LoginBody(device.mqtt_username, device.device_secret));
                return answer.StatusCode == HttpStatusCode.ServiceUnavailable;
            });
        }
        finally
        {
            await host.Database.SetReachableAsync(true);
        }

        await host.KnowsAsync(device);
    }

    public sealed class DoubtingHost : LonelyHost
    {
        protected override async Task PrepareAsync()
        {
            await base.PrepareAsync();
            Settings["Mqtt:TrustMemoryFor"] = "00:00:03";
        }
    }
}
