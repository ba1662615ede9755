using System.Collections.Concurrent;
using System.Text.Json;
using EasySmart.Hosting;
using MQTTnet;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests.Devices;

/// <summary>What is refused is not lost in silence: the device hears why, and so does its tenant.</summary>
public sealed class RejectionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_device_and_its_tenant_learn_why_a_message_was_refused_and_nobody_else_does()
    {
        var (tenant, other) = (await Tenant.RegisterAsync(), await Tenant.RegisterAsync());
        var device = await tenant.ProvisionAsync();
        using var client = DeviceClient.Make();
        var heard = new ConcurrentQueue<JsonElement>();
        client.ApplicationMessageReceivedAsync += received =>
        {
            heard.Enqueue(JsonSerializer.Deserialize<JsonElement>(received.ApplicationMessage.ConvertPayloadToString()));
            return Task.CompletedTask;
        };
        await client.ConnectAsync(DeviceClient.Options(device).Build(), Cancellation);
        await client.SubscribeAsync($"{device.Root}/events/errors", MqttQualityOfServiceLevel.AtLeastOnce, Cancellation);
        await client.PublishStringAsync(device.Slot(3), "{\"value\": 23,5}", MqttQualityOfServiceLevel.AtLeastOnce, cancellationToken: Cancellation);
        await Eventually.TrueAsync(() => Task.FromResult(!heard.IsEmpty));
        var notice = heard.First();
        Assert.Equal(("bad_json", device.Slot(3)), (Text(notice, "reason"), Text(notice, "topic")));

        // It is told after the commit, so the tenant finds it at once; by its id once ingestion's replica has the device.
        var entry = Assert.Single((await tenant.ReadAsync(HttpMethod.Get, "/api/v1/telemetry/rejections")).EnumerateArray());
        Assert.Equal((device.Id, "bad_json"), (entry.GetProperty("device_id").GetGuid(), Text(entry, "reason")));
        Assert.Equal((Text(notice, "message"), "{\"value\": 23,5}"), (Text(entry, "message"), Text(entry, "sample")));
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await tenant.GetAsync($"/api/v1/telemetry/rejections?device_label={device.Label}");
            return answer.IsSuccessStatusCode;
        });
        using var foreign = await other.GetAsync($"/api/v1/telemetry/rejections?device_id={device.Id}");
        await Envelope.AssertAsync(foreign, 404, "not_found");
        Assert.Empty((await other.ReadAsync(HttpMethod.Get, "/api/v1/telemetry/rejections")).EnumerateArray());
    }

    private static string Text(JsonElement of, string field) => of.GetProperty(field).GetString()!;
}
