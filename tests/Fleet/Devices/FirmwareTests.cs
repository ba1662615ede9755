using EasySmart.Hosting;
using MQTTnet;

namespace EasySmart.Fleet.Tests.Devices;

/// <summary>The earlier fleet's firmware, unchanged, from the factory to its second owner.</summary>
public sealed class FirmwareTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_device_lives_through_its_whole_life(bool byHardwareId)
    {
        var hardwareId = Factory.NewHardwareId();
        if (byHardwareId)
        {
            // Built and switched on before the factory's list has reached us.
            await using var early = new Firmware(hardwareId, null, Factory.KeyOf(hardwareId));
            Assert.Equal((200, "not_provisioned"), await early.BootstrapAsync());
            Assert.Equal(Guid.Empty, early.DeviceId);
            Assert.Equal(404, await early.FetchSecretAsync());
        }

        var made = (await Factory.ImportAsync(hardwareId))[0];
        Assert.Equal(Factory.KeyOf(hardwareId), made.HardwareKey);
        await using var device = byHardwareId ? Firmware.ByHardwareId(made) : Firmware.ByDeviceId(made);
        Assert.Equal((200, "unclaimed"), await device.BootstrapAsync());
        Assert.Equal(made.Id, device.DeviceId);
        Assert.Equal(409, await device.FetchSecretAsync());

        var first = await Tenant.RegisterAsync();
        await first.ClaimAsync(made);
        await PublishesAsync(first, device, made, """{"value": 1}""");
        var owned = new Device(made.Id, "", "", "");

        // In the middle of its life it is reset, while it publishes.
        var publishing = PublishUntilTheEndAsync(device);
        var old = device.Given!;
        await first.ReadAsync(HttpMethod.Post, "/api/v1/devices/reset", new { device_id = made.Id, confirmation = "RESET" });
        await publishing;
        Assert.NotEqual(MqttClientConnectResultCode.Success, await device.ConnectAsync());
        Assert.Equal((200, "unclaimed"), await device.BootstrapAsync());
        Assert.Equal(409, await device.FetchSecretAsync());

        var second = await Tenant.RegisterAsync();
        await second.ClaimAsync(made);
        await PublishesAsync(second, device, made, """{"value": 2}""");
        Assert.NotEqual(old.Secret, device.Given!.Secret);
        // Of the first owner's time nothing is to be seen, and for the first owner it is not there any more.
        Assert.Equal("""{"device_id":"ID","slots":[0]}""".Replace("ID", made.Id.ToString(), StringComparison.Ordinal),
            (await second.ReadAsync(HttpMethod.Get, $"/api/v1/telemetry/slots?device_id={made.Id}")).GetRawText());
        Assert.Equal("{}", (await second.LatestAsync(owned, 5)).GetRawText());
        await Envelope.AssertAsync(await first.GetAsync($"/api/v1/telemetry/latest?slot=0&device_id={made.Id}"), 404, "not_found");
        await Envelope.AssertAsync(await first.GetAsync($"/api/v1/devices/{made.Id}"), 404, "not_found");
    }

    private static async Task PublishesAsync(Tenant tenant, Firmware device, Manufactured made, string payload)
    {
        Assert.Equal((200, "claimed"), await device.BootstrapAsync());
        Assert.Equal(200, await device.FetchSecretAsync());
        Assert.Equal(409, await device.FetchSecretAsync());
        Assert.Equal(made.Id.ToString(), device.Given!.Username);
        Assert.Equal($"tenants/{tenant.Id}/devices/{made.Id}/telemetry", device.Given.TopicPrefix);
        Assert.Equal(MqttClientConnectResultCode.Success, await device.ConnectAsync());
        await device.PublishAsync(0, payload);
        await tenant.ReadsBackAsync(new Device(made.Id, "", "", ""), 0, payload);
        Assert.Equal((200, "active"), await device.BootstrapAsync());
    }

    private static async Task PublishUntilTheEndAsync(Firmware device) => await Eventually.TrueAsync(async () =>
    {
        if (device.IsConnected)
        {
            try
            {
                await device.PublishAsync(5, """{"value": 5}""");
            }
            catch (Exception) when (!device.IsConnected)
            {
                return true;
            }
        }

        return !device.IsConnected;
    });
}
