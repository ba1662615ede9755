using EasySmart.Hosting;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests;

/// <summary>The product's main job: a device publishes, its tenant reads it back, nobody else does.</summary>
public sealed class WalkingTests
{
    public static MatrixTheoryData<int, string, bool> Ways { get; } = new([0, 1], ["mqttv311", "mqttv5"], [false, true]);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_device_publishes_and_its_tenant_reads(int qos, string version, bool byLabel)
    {
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync();
        var (code, said) = await Mosquitto.PublishAsync(
            device, device.Slot(0), ["""{"value": 23.5}"""], qos, version, byLabel ? device.Label : device.Id.ToString());
        Assert.True(code == 0, said);
        await tenant.ReadsBackAsync(device, 0, """{"value": 23.5}""");
        await tenant.ReadsBackAsync(device, 0, """{"value": 23.5}""", prefix: "/api");
    }

    [Theory]
    [InlineData(MqttProtocolVersion.V311, MqttQualityOfServiceLevel.AtMostOnce)]
    [InlineData(MqttProtocolVersion.V311, MqttQualityOfServiceLevel.AtLeastOnce)]
    [InlineData(MqttProtocolVersion.V500, MqttQualityOfServiceLevel.AtLeastOnce)]
    public async Task The_same_over_WebSocket(MqttProtocolVersion version, MqttQualityOfServiceLevel qos)
    {
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync();
        using var client = new MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(new MqttClientOptionsBuilder()
            .WithWebSocketServer(server => server.WithUri($"ws://{Fleet.MqttHost}:{Fleet.MqttWebSocketPort}/mqtt"))
            .WithProtocolVersion(version)
            .WithClientId(device.Id.ToString())
            .WithCredentials(device.Id.ToString(), device.Secret)
            .Build(), Cancellation);
        await client.PublishAsync(
            new MqttApplicationMessageBuilder().WithTopic(device.Slot(32767)).WithPayload("[1, \"dois\", null]").WithQualityOfServiceLevel(qos).Build(), Cancellation);
        await tenant.ReadsBackAsync(device, 32767, "[1, \"dois\", null]");
        await client.DisconnectAsync(cancellationToken: Cancellation);
    }

    [Fact]
    public async Task Latest_slots_and_devices_say_what_the_contract_says()
    {
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync($"pump-{Guid.NewGuid():N}"[..20]);
        var at = DateTimeOffset.UtcNow.AddMinutes(-1);
        foreach (var slot in new[] { 100, 0, 7 })
        {
            await Mosquitto.PublishAsync(device, device.Slot(slot), [$$"""{"value": {{slot}}, "ts": {{at.ToUnixTimeMilliseconds()}}}"""]);
            await tenant.ReadsBackAsync(device, slot, $$"""{"value": {{slot}}, "ts": {{at.ToUnixTimeMilliseconds()}}}""");
        }

        var latest = await tenant.LatestAsync(device, 7);
        Assert.Equal(["device_id", "slot", "value", "timestamp"], latest.EnumerateObject().Select(field => field.Name));
        Assert.Equal(at.ToUnixTimeMilliseconds(), latest.GetProperty("timestamp").GetDateTimeOffset().ToUnixTimeMilliseconds());
        Assert.Equal("{}", (await tenant.LatestAsync(device, 8)).GetRawText());

        using var slots = await tenant.GetAsync($"/api/v1/telemetry/slots?device_label={device.Label}");
        Assert.Equal($$"""{"device_id":"{{device.Id}}","slots":[0,7,100]}""", await slots.Content.ReadAsStringAsync(Cancellation));

        await Eventually.TrueAsync(async () =>
        {
            var list = await (await tenant.GetAsync("/api/v1/devices")).Content.ReadAsStringAsync(Cancellation);
            return list.Contains("\"status\":\"active\"", StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Another_tenant_finds_nothing()
    {
        var (tenant, other) = (await Tenant.RegisterAsync(), await Tenant.RegisterAsync());
        var device = await tenant.ProvisionAsync();
        await Mosquitto.PublishAsync(device, device.Slot(0), ["""{"value": 1}"""]);
        await tenant.ReadsBackAsync(device, 0, """{"value": 1}""");
        foreach (var selector in new[] { $"device_id={device.Id}", $"device_label={device.Label}" })
        {
            var envelope = await Envelope.AssertAsync(await other.GetAsync($"/api/v1/telemetry/latest?slot=0&{selector}"), 404, "not_found");
            Assert.Equal("Device not found or inactive", envelope.GetProperty("message").GetString());
            await Envelope.AssertAsync(await other.GetAsync($"/api/v1/telemetry/slots?{selector}"), 404, "not_found");
        }

        using var list = await other.GetAsync("/api/v1/devices");
        Assert.Equal("[]", await list.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task The_very_first_message_right_after_provisioning_is_never_lost()
    {
        var tenant = await Tenant.RegisterAsync();
        var devices = new List<Device>();
        for (var i = 0; i < 25; i++)
        {
            var device = await tenant.ProvisionAsync();
            var (code, said) = await Mosquitto.PublishAsync(device, device.Slot(0), [$$"""{"value": {{i}}}"""]);
            Assert.True(code == 0, said);
            devices.Add(device);
        }

        for (var i = 0; i < devices.Count; i++)
        {
            await tenant.ReadsBackAsync(devices[i], 0, $$"""{"value": {{i}}}""");
        }
    }

    [Fact]
    public async Task The_legacy_prefix_announces_its_end()
    {
        var tenant = await Tenant.RegisterAsync();
        using var answer = await tenant.GetAsync("/api/devices");
        Assert.True(answer.IsSuccessStatusCode);
        Assert.True(answer.Headers.Contains("Deprecation"));
        Assert.True(answer.Headers.Contains("Sunset"));
        Assert.Contains("rel=\"successor-version\"", answer.Headers.GetValues("Link").Single(), StringComparison.Ordinal);
        Assert.Contains("/api/v1/devices", answer.Headers.GetValues("Link").Single(), StringComparison.Ordinal);
    }
}
