using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;
using MQTTnet;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests.Devices;

/// <summary>A tenant tells its device to do something.</summary>
public sealed class CommandTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_command_reaches_the_device_and_its_answer_the_tenant()
    {
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync();
        using var client = DeviceClient.Make();
        var commands = await ListeningAsync(client, device);
        var sent = await SendAsync(tenant, device, "open-valve", new { percent = 40 });
        var received = await Eventually.GetAsync(() => Task.FromResult(commands.TryDequeue(out var command) ? command : null));
        Assert.Equal($"{device.Root}/commands/open-valve", received.Topic);
        Assert.Equal(sent, received.Body.GetProperty("id").GetGuid());
        Assert.Equal(40, received.Body.GetProperty("payload").GetProperty("percent").GetInt32());
        await ReachesAsync(tenant, device, sent, "sent");

        await AnswerAsync(client, device, sent, """{"status": "ok", "result": {"percent": 40}}""");
        var done = await ReachesAsync(tenant, device, sent, "acknowledged");
        Assert.Equal(40, done.GetProperty("result").GetProperty("percent").GetInt32());
    }

    [Fact]
    public async Task What_was_sent_while_the_device_was_away_comes_when_it_is_back_in_order_unless_it_has_expired()
    {
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync();
        var first = await SendAsync(tenant, device, "first", 1);
        var late = await SendAsync(tenant, device, "late", 0, expiresInSeconds: 1);
        var second = await SendAsync(tenant, device, "second", 2);
        await ReachesAsync(tenant, device, late, "expired");
        Assert.Equal("queued", await StateAsync(tenant, device, first));

        using var client = DeviceClient.Make();
        var commands = await ListeningAsync(client, device);
        await Eventually.TrueAsync(() => Task.FromResult(commands.Count >= 2));
        Assert.Equal([first, second], commands.Select(c => c.Body.GetProperty("id").GetGuid()).Distinct());
        await AnswerAsync(client, device, second, """{"status": "failed", "error": "stuck"}""");
        var failed = await ReachesAsync(tenant, device, second, "failed");
        Assert.Equal("stuck", failed.GetProperty("error").GetString());
        await ReachesAsync(tenant, device, first, "sent");
    }

    private static async Task<Guid> SendAsync(Tenant tenant, Device device, string name, object payload, int expiresInSeconds = 600)
    {
        using var answer = await tenant.PostAsync(Path(device), new { name, payload, expires_in_seconds = expiresInSeconds });
        return (await Tenant.ReadAsync(answer, 201)).GetProperty("command_id").GetGuid();
    }

    private static async Task<ConcurrentQueue<Received>> ListeningAsync(IMqttClient client, Device device)
    {
        var commands = new ConcurrentQueue<Received>();
        client.ApplicationMessageReceivedAsync += message =>
        {
            commands.Enqueue(new Received(
                message.ApplicationMessage.Topic, JsonSerializer.Deserialize<JsonElement>(message.ApplicationMessage.ConvertPayloadToString())));
            return Task.CompletedTask;
        };
        await client.ConnectAsync(DeviceClient.Options(device).Build(), Cancellation);
        await client.SubscribeAsync($"{device.Root}/commands/#", MqttQualityOfServiceLevel.AtLeastOnce, Cancellation);
        return commands;
    }

    private static async Task AnswerAsync(IMqttClient client, Device device, Guid command, string answer) =>
        await client.PublishStringAsync($"{device.Root}/events/commands/{command}", answer, MqttQualityOfServiceLevel.AtLeastOnce, cancellationToken: Cancellation);

    private static async Task<JsonElement> ReachesAsync(Tenant tenant, Device device, Guid command, string state)
    {
        await Eventually.TrueAsync(async () => await StateAsync(tenant, device, command) == state);
        return await tenant.ReadAsync(HttpMethod.Get, $"{Path(device)}/{command}");
    }

    private static async Task<string?> StateAsync(Tenant tenant, Device device, Guid command) =>
        (await tenant.ReadAsync(HttpMethod.Get, $"{Path(device)}/{command}")).GetProperty("state").GetString();

    private static string Path(Device device) => $"/api/v1/devices/{device.Id}/commands";

    private sealed record Received(string Topic, JsonElement Body);
}
