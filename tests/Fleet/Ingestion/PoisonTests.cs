using System.Text;
using EasySmart.Fleet.Tests.Devices;
using EasySmart.Hosting;
using MQTTnet;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>A message that cannot be a reading, every hundred: it is recorded, and holds up nobody.</summary>
public sealed class PoisonTests
{
    private const int Good = 2000;
    private const int Every = 100;

    // Slot as the topic says, payload, and what it is refused for.
    private static readonly (string Slot, byte[] Payload, string Reason)[] Poisons =
    [
        ("0", "{\"value\": 1"u8.ToArray(), "bad_json"),
        ("99999", "{\"value\": 1}"u8.ToArray(), "bad_slot"),
        ("0", "{\"value\": \"\\u0000\"}"u8.ToArray(), "bad_text"),
        ("0", "{\"value\": 1e200000}"u8.ToArray(), "number_out_of_range"),
        ("0", "{\"value\": 1, \"ts\": \"yesterday\"}"u8.ToArray(), "bad_timestamp"),
        ("0", [.. "{\"value\": \""u8, 0xFF, .. "\"}"u8], "invalid_utf8"),
        ("0", Encoding.ASCII.GetBytes(new string('[', 10_000) + new string(']', 10_000)), "too_deep"),
        ("0", Encoding.ASCII.GetBytes($"\"{new string('x', 65 * 1024)}\""), "too_large"),
        ("-1", "1"u8.ToArray(), "bad_slot"),
        ("0", [], "bad_json"),
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Poison_every_hundred_is_recorded_and_holds_up_nobody()
    {
        await using var sink = new Sink();
        var tenant = await (await Tenant.RegisterAsync()).WithoutMessageLimitAsync();
        var devices = new[] { await tenant.ProvisionAsync(), await tenant.ProvisionAsync() };
        await Task.WhenAll(PublishAsync(devices[0], withTime: true), PublishAsync(devices[1], withTime: false));
        var stored = await Eventually.GetAsync(
            async () => await sink.OfAsync(tenant.Id) is var found && found.Rows >= devices.Length * Good && found.Usage.Readings >= found.Rows
                ? found
                : throw new InvalidOperationException($"{found.Rows} are stored, {found.Usage} is billed, rejected: {found.Rejected}"),
            seconds: 60);

        Assert.Equal(devices.SelectMany(device => Enumerable.Range(0, Good).Select(number => (device.Id, number))).ToHashSet(), stored.Copies.Keys.ToHashSet());
        Assert.Equal(new Usage(stored.Rows, stored.Rows, stored.Bytes), stored.Usage);
        Assert.Equal(devices.Length * Good, stored.Rows);
        var rounds = devices.Length * Good / Every / Poisons.Length;
        Assert.Equal(
            string.Join(' ', Poisons.GroupBy(poison => poison.Reason).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => $"{group.Key}={group.Count() * rounds}")),
            stored.Rejected);
    }

    private static async Task PublishAsync(Device device, bool withTime)
    {
        using var client = DeviceClient.Make();
        await client.ConnectAsync(DeviceClient.Options(device).Build(), Cancellation);
        var first = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        for (var start = 0; start < Good; start += Every)
        {
            var good = Enumerable.Range(start, Every).Select(number => (device.Slot(0), Encoding.UTF8.GetBytes(
                withTime ? $$"""{"value": {{number}}, "ts": {{first + number}}}""" : $$"""{"value": {{number}}}""")));
            var (slot, payload, _) = Poisons[start / Every % Poisons.Length];
            await Task.WhenAll(good.Append(($"{device.TopicPrefix}/slot/{slot}", payload)).Select(message => PublishAsync(client, message.Item1, message.Item2)));
        }

        await client.DisconnectAsync(cancellationToken: Cancellation);
    }

    private static async Task PublishAsync(IMqttClient client, string topic, byte[] payload)
    {
        var answer = await client.PublishAsync(
            new MqttApplicationMessage { Topic = topic, PayloadSegment = payload, QualityOfServiceLevel = MqttQualityOfServiceLevel.AtLeastOnce }, Cancellation);
        Assert.Equal(MqttClientPublishReasonCode.Success, answer.ReasonCode);
    }
}
