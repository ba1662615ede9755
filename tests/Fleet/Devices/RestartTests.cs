using EasySmart.Hosting;
using MQTTnet;

namespace EasySmart.Fleet.Tests.Devices;

/// <summary>Whichever program dies (SIGKILL) at whichever step of a device's life: who tries again gets on, and nothing happened twice.</summary>
[Collection("Servers are killed here")]
public sealed class RestartTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Programs =>
    [
        "device-provisioning", "gateway", "identity", "ingestion", "telemetry-query", "billing-quota", "notifier", "broker",
        "platform", "telemetry", "rabbitmq",
    ];

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task A_device_gets_on_however_often_one_program_dies(string program)
    {
        var tenant = await Tenant.RegisterAsync();
        var made = await Factory.MakeAsync();
        await using var device = Firmware.ByHardwareId(made);
        await WhileDyingAsync(program, async () => Assert.Equal((200, "unclaimed"), await device.BootstrapAsync()));
        await WhileDyingAsync(program, () => ClaimAsync(tenant, made));
        await WhileDyingAsync(program, () => FetchSecretAsync(tenant, made, device));
        await WhileDyingAsync(program, async () => Assert.Equal(MqttClientConnectResultCode.Success, await device.ConnectAsync()));
        await WhileDyingAsync(program, () => PublishAsync(tenant, made, device, 1));
        await WhileDyingAsync(program, () => ResetAsync(tenant, made));
        await Eventually.TrueAsync(async () =>
        {
            Assert.Equal((200, "unclaimed"), await device.BootstrapAsync());
            return !device.IsConnected && await device.ConnectAsync() != MqttClientConnectResultCode.Success;
        });
    }

    // The step begins while the program dies, and is tried again until it is done.
    private static async Task WhileDyingAsync(string program, Func<Task> step)
    {
        var dying = Fleet.KillAsync(program);
        await Eventually.TrueAsync(
            async () =>
            {
                await step();
                return true;
            },
            seconds: 120);
        await dying;
        await Eventually.TrueAsync(() => Fleet.IsReadyAsync(program), seconds: 120);
    }

    private static async Task ClaimAsync(Tenant tenant, Manufactured made)
    {
        using var answer = await tenant.TryClaimAsync(made);
        // The first try may have come through without its answer.
        Assert.True((int)answer.StatusCode is 200 or 409, await answer.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal("claimed", (await tenant.ReadAsync(HttpMethod.Get, $"/api/v1/devices/{made.Id}")).GetProperty("status").GetString());
    }

    private static async Task FetchSecretAsync(Tenant tenant, Manufactured made, Firmware device)
    {
        var status = await device.FetchSecretAsync();
        if (status == 409)
        {
            // Delivered, and the answer was lost: what a person does then.
            await ResetAsync(tenant, made);
            await ClaimAsync(tenant, made);
            status = await device.FetchSecretAsync();
        }

        Assert.Equal(200, status);
    }

    private static async Task PublishAsync(Tenant tenant, Manufactured made, Firmware device, int value)
    {
        // QoS 0, as the firmware does: what went down with a broker is sent again.
        if (!device.IsConnected)
        {
            await device.ConnectAsync();
        }

        await device.PublishAsync(0, $$"""{"value": {{value}}}""");
        await tenant.ReadsBackAsync(new Device(made.Id, "", "", ""), 0, $$"""{"value": {{value}}}""", seconds: 10);
    }

    private static async Task ResetAsync(Tenant tenant, Manufactured made)
    {
        using var answer = await tenant.PostAsync("/api/v1/devices/reset", new { device_id = made.Id, confirmation = "RESET" });
        // 404: it was reset by a try whose answer was lost.
        Assert.True((int)answer.StatusCode is 200 or 404, await answer.Content.ReadAsStringAsync(Cancellation));
    }
}
