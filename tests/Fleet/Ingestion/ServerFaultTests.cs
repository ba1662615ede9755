using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>What the broker acknowledged is stored and billed exactly once, whoever behind it dies or is away.</summary>
[Collection("Servers are killed here")]
public sealed class ServerFaultTests(ITestOutputHelper output)
{
    // At a hundred a second from each device.
    private const int In20Seconds = 2000;

    [Theory]
    [InlineData("ingestion")]
    [InlineData("billing-quota")]
    [InlineData("rabbitmq")]
    public async Task A_program_is_killed_five_times(string program)
    {
        await using var sink = new Sink();
        await using var traffic = await Traffic.StartAsync(sink);
        for (var i = 0; i < 5; i++)
        {
            await traffic.StoredMoreAsync(500);
            await Fleet.KillAsync(program);
        }

        await traffic.StoredMoreAsync(500);
        await EndsExactAsync(traffic);
    }

    [Theory]
    [InlineData("telemetry")]
    [InlineData("rabbitmq")]
    public async Task A_server_is_down_for_20_seconds(string server)
    {
        await using var sink = new Sink();
        await using var traffic = await Traffic.StartAsync(sink);
        await traffic.StoredMoreAsync(500);
        await using (await Fleet.StoppedAsync(server))
        {
            await traffic.AcknowledgedMoreAsync(In20Seconds);
            if (server == "rabbitmq")
            {
                // It only carries what others are told of the readings.
                await traffic.StoredMoreAsync(500);
            }
        }

        await Eventually.TrueAsync(() => Fleet.IsReadyAsync(server), seconds: 120);
        await traffic.StoredMoreAsync(500);
        await EndsExactAsync(traffic);
    }

    [Fact]
    public async Task TimescaleDB_is_killed_and_recovers_from_its_log()
    {
        await using var sink = new Sink();
        await using var traffic = await Traffic.StartAsync(sink);
        await traffic.StoredMoreAsync(500);
        var recoveries = Recoveries();
        // With all that it consists of: nothing of it is left to tidy up.
        await Fleet.KillAsync("telemetry");
        await traffic.AcknowledgedMoreAsync(500);
        await Eventually.TrueAsync(() => Fleet.IsReadyAsync("telemetry"), seconds: 120);
        Assert.True(Recoveries() > recoveries);
        await traffic.StoredMoreAsync(500);
        await EndsExactAsync(traffic);

        static int Recoveries() => Fleet.LogOf("telemetry").Split("automatic recovery in progress").Length;
    }

    private async Task EndsExactAsync(Traffic traffic)
    {
        await traffic.EndsExactAsync();
        output.WriteLine($"{traffic.Acknowledged} acknowledged of {traffic.Sources.Sum(device => device.Published)}");
    }
}
