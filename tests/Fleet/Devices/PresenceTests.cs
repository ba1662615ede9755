using System.Text.Json;
using EasySmart.Hosting;
using MQTTnet;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests.Devices;

/// <summary>Whether a device is online, as its tenant sees it.</summary>
public sealed class PresenceTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_device_is_online_while_it_is_connected()
    {
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync();
        Assert.False(await IsOnlineAsync(tenant, device));
        using var client = DeviceClient.Make();
        await client.ConnectAsync(DeviceClient.Options(device).Build(), Cancellation);
        await Eventually.TrueAsync(() => IsOnlineAsync(tenant, device));
        var view = await ViewAsync(tenant, device);
        Assert.Equal("127.0.0.1", view.GetProperty("last_ip").GetString());
        Assert.NotEqual(JsonValueKind.Null, view.GetProperty("last_seen_at").ValueKind);
        Assert.Equal("active", view.GetProperty("status").GetString());

        await client.DisconnectAsync(cancellationToken: Cancellation);
        await Eventually.TrueAsync(async () => !await IsOnlineAsync(tenant, device));
    }

    [Fact]
    public async Task What_it_says_on_its_status_topic_counts_and_its_last_will_too()
    {
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync();
        using (var client = DeviceClient.Make())
        {
            await client.ConnectAsync(DeviceClient.Options(device)
                .WithWillTopic($"{device.Root}/status").WithWillPayload("offline").WithWillQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).WithWillRetain()
                .Build(), Cancellation);
            await SayAsync(client, device, """{"status": "online", "firmware_version": "2.7.1"}""");
            await Eventually.TrueAsync(async () =>
                await IsOnlineAsync(tenant, device) && (await ViewAsync(tenant, device)).GetProperty("firmware_version").GetString() == "2.7.1");
            // It is about to sleep, and says so while the connection is still there.
            await SayAsync(client, device, "offline");
            await Eventually.TrueAsync(async () => !await IsOnlineAsync(tenant, device));
            await SayAsync(client, device, "online");
            await Eventually.TrueAsync(() => IsOnlineAsync(tenant, device));
            // Without a DISCONNECT, as when the power goes.
        }

        await Eventually.TrueAsync(async () => !await IsOnlineAsync(tenant, device));
    }

    [Fact]
    public async Task The_list_tells_who_is_online()
    {
        var tenant = await Tenant.RegisterAsync();
        var (here, away) = (await tenant.ProvisionAsync(), await tenant.ProvisionAsync());
        using var client = DeviceClient.Make();
        await client.ConnectAsync(DeviceClient.Options(here).Build(), Cancellation);
        await Eventually.TrueAsync(async () =>
        {
            var list = (await tenant.ReadAsync(HttpMethod.Get, "/api/v1/devices")).EnumerateArray()
                .ToDictionary(d => d.GetProperty("device_id").GetGuid(), d => d.GetProperty("online").GetBoolean());
            return list[here.Id] && !list[away.Id];
        });
    }

    private static async Task SayAsync(IMqttClient client, Device device, string words) =>
        await client.PublishStringAsync($"{device.Root}/status", words, MqttQualityOfServiceLevel.AtLeastOnce, retain: true, Cancellation);

    private static async Task<bool> IsOnlineAsync(Tenant tenant, Device device) => (await ViewAsync(tenant, device)).GetProperty("online").GetBoolean();

    private static Task<JsonElement> ViewAsync(Tenant tenant, Device device) => tenant.ReadAsync(HttpMethod.Get, $"/api/v1/devices/{device.Id}");
}
