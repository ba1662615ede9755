using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Fleet.Tests;

/// <summary>What the broker acknowledged is stored exactly once, whoever dies in between.</summary>
[Collection("Servers are killed here")]
public sealed class CrashTests
{
    private const int Readings = 5_000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ingestion_killed_in_the_middle_of_5000_readings_loses_and_doubles_none()
    {
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync();
        await using var telemetry = Fleet.Telemetry();
        var first = DateTimeOffset.UtcNow.AddHours(-3).ToUnixTimeMilliseconds();
        var killed = new TaskCompletionSource();
        var publishing = Mosquitto.PublishAsync(device, device.Slot(0), HalfBeforeAndHalfAfterAsync());

        await Eventually.TrueAsync(async () => await CountAsync(telemetry, device) > 200);
        await Fleet.KillAsync("ingestion");
        killed.SetResult();

        var (code, said) = await publishing;
        Assert.True(code == 0, said);
        await Eventually.TrueAsync(async () => await CountAsync(telemetry, device) == Readings, seconds: 120);
        await using var distinct = telemetry.CreateCommand("SELECT count(DISTINCT value), min(value), max(value) FROM readings WHERE device_id = $1");
        distinct.Parameters.Add(new() { Value = device.Id });
        await using var reader = await distinct.ExecuteReaderAsync(Cancellation);
        await reader.ReadAsync(Cancellation);
        Assert.Equal((Readings, 0d, Readings - 1d), (reader.GetInt64(0), reader.GetDouble(1), reader.GetDouble(2)));
        await tenant.ReadsBackAsync(device, 0, $$"""{"value": {{Readings - 1}}, "ts": {{first + Readings - 1}}}""");

        // The kill comes while the first half streams in, and before the second.
        async IAsyncEnumerable<string> HalfBeforeAndHalfAfterAsync()
        {
            for (var i = 0; i < Readings; i++)
            {
                if (i == Readings / 2)
                {
                    await killed.Task;
                }

                yield return $$"""{"value": {{i}}, "ts": {{first + i}}}""";
            }
        }
    }

    private static async Task<long> CountAsync(NpgsqlDataSource telemetry, Device device)
    {
        await using var count = telemetry.CreateCommand("SELECT count(*) FROM readings WHERE device_id = $1");
        count.Parameters.Add(new() { Value = device.Id });
        return (long)(await count.ExecuteScalarAsync(Cancellation))!;
    }
}
