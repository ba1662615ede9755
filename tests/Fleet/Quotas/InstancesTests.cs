using System.Text;
using EasySmart.Fleet.Tests.Devices;
using EasySmart.Fleet.Tests.Ingestion;
using EasySmart.Hosting;
using MQTTnet;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests.Quotas;

/// <summary>Two instances of ingestion that share a device's messages at random hold its quota together, also when one is lost.</summary>
[Collection("Servers are killed here")]
public sealed class InstancesTests(ITestOutputHelper output)
{
    private const int Quota = 100;
    private const int InHand = 10;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_instances_hold_the_quota_together_and_one_that_comes_back_goes_on_with_the_minute()
    {
        await using var sink = new Sink();
        await using var broker = await PersistentBroker.StartAsync();
        await using var first = await StartAsync(1);
        await using var second = await StartAsync(2);
        var tenant = await Tenant.RegisterAsync();
        await tenant.SetQuotasAsync(new { quota_msgs_per_min = Quota });
        await using var device = await QuotaDevice.ConnectAsync(tenant);
        await device.LimitedToAsync("messages_per_minute", Quota);
        using var client = DeviceClient.Make();
        await client.ConnectAsync(
            new MqttClientOptionsBuilder().WithTcpServer(Fleet.MqttHost, int.Parse(PersistentBroker.Port, System.Globalization.CultureInfo.InvariantCulture))
                .WithClientId($"{device.Device.Id}").WithTimeout(TimeSpan.FromSeconds(20)).Build(),
            Cancellation);

        var minute = await BeginMinuteAsync();
        for (var sent = InHand; sent <= 2 * Quota; sent += InHand)
        {
            await PublishAsync(InHand);
            await SettledAsync(sent);
        }

        var stored = await sink.RowsOfAsync(tenant.Id);
        output.WriteLine($"{stored} of {2 * Quota} stored with a quota of {Quota}");
        // The second may keep an eighth of the quota to itself before it tells, and has at most so many in hand.
        Assert.InRange(stored, Quota, Quota + Quota / 8 + InHand);

        // Both have heard by now that it is used up; so has one that was lost and is back.
        await PublishAsync(Quota);
        await SettledAsync(3 * Quota);
        await second.KillAsync();
        await using var again = await StartAsync(2);
        await PublishAsync(Quota);
        await SettledAsync(4 * Quota);
        Assert.Equal(minute, Minute());
        Assert.Equal(stored, await sink.RowsOfAsync(tenant.Id));

        Task PublishAsync(int count) => Task.WhenAll(Enumerable.Range(0, count).Select(i => client.PublishAsync(
            new MqttApplicationMessage { Topic = device.Device.Slot(0), PayloadSegment = Encoding.ASCII.GetBytes($"{i}"), QualityOfServiceLevel = MqttQualityOfServiceLevel.AtLeastOnce },
            Cancellation)));

        Task SettledAsync(int sent) => Eventually.TrueAsync(async () => await sink.RowsOfAsync(tenant.Id) + await device.RefusedAsync("quota_messages") >= sent);
    }

    // That they are started is no outage here: nothing has waited for them.
    private static Task<Instance> StartAsync(int number) => PersistentBroker.IngestionAsync(number, shared: true, ("Ingestion__OutageSeconds", "86400"));

    private static long Minute() => DateTimeOffset.UtcNow.ToUnixTimeSeconds() / 60;

    // All of it has to happen within one, and takes seconds.
    private static async Task<long> BeginMinuteAsync()
    {
        await Eventually.TrueAsync(() => Task.FromResult(DateTime.UtcNow.Second < 5), seconds: 65);
        return Minute();
    }
}
