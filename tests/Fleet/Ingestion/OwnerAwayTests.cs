using EasySmart.Fleet.Tests.Devices;
using EasySmart.Hosting;
using MQTTnet;
using MQTTnet.Formatter;
using Npgsql;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>
/// DeviceProvisioning is away. Devices that are connected go on, ingestion knows them from its replica, also when it is started anew. Who is
/// not connected is let in only by a broker that remembers; the fleet's own asks each time. What a device publishes that ingestion has not
/// heard of waits, until its owner can be asked.
/// </summary>
[Collection("Servers are killed here")]
public sealed class OwnerAwayTests(ITestOutputHelper output)
{
    private const int In20Seconds = 2000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task DeviceProvisioning_is_down_for_the_whole_run()
    {
        await using var sink = new Sink();
        await using var telemetry = Fleet.Telemetry();
        await using var broker = await PersistentBroker.StartAsync();
        await using var ingestion = await PersistentBroker.IngestionAsync(1);
        await using var connected = await Traffic.StartAsync(sink);
        await using var remembered = await Traffic.StartAsync(sink, PersistentBroker.Port);
        var known = await remembered.Tenant.ProvisionAsync();
        await Eventually.TrueAsync(async () => await CountAsync(telemetry, "SELECT count(*) FROM devices WHERE device_id = $1", known) == 1);
        await connected.StoredMoreAsync(500);
        await remembered.StoredMoreAsync(500);

        // Made while its news could not travel, so that ingestion has not heard of it.
        Device made;
        IAsyncDisposable owner;
        await using (await Fleet.StoppedAsync("rabbitmq"))
        {
            made = await remembered.Tenant.ProvisionAsync();
            owner = await Fleet.StoppedAsync("device-provisioning");
        }

        var stranger = made with { Id = Guid.CreateVersion7(), TopicPrefix = made.TopicPrefix.Replace($"{made.Id}", $"{Guid.CreateVersion7()}", StringComparison.Ordinal) };
        stranger = stranger with { Id = Guid.Parse(stranger.TopicPrefix.Split('/')[3]) };
        NumberedDevice[] more;
        await using (owner)
        {
            using (var refused = await connected.Tenant.PostAsync("/api/v1/devices/provision", new { }))
            {
                Assert.Equal(503, (int)refused.StatusCode);
                Assert.NotNull(refused.Headers.RetryAfter);
            }

            Assert.Equal(MqttClientConnectResultCode.ServerUnavailable, await TryConnectAsync(known));
            more = [new(known, MqttProtocolVersion.V500, withTime: false, PersistentBroker.Port), new(made, MqttProtocolVersion.V500, withTime: false, PersistentBroker.Port), new(stranger, MqttProtocolVersion.V311, withTime: true, PersistentBroker.Port)];
            await Task.WhenAll(more.Select(device => device.AcknowledgedAsync(100)));
            await Task.WhenAll(more[1..].Select(device => device.EndAsync()));
            await Fleet.KillAsync("ingestion");
            await Task.WhenAll(connected.AcknowledgedMoreAsync(In20Seconds), remembered.AcknowledgedMoreAsync(In20Seconds));
            await Task.WhenAll(connected.StoredMoreAsync(500), remembered.StoredMoreAsync(500));
            await Eventually.TrueAsync(async () => await CountAsync(telemetry, "SELECT count(*) FROM readings WHERE device_id = $1", known) >= 100);
            Assert.Equal(0, await CountAsync(telemetry, "SELECT count(*) FROM readings WHERE device_id = $1", made));
            Assert.Equal(0, await CountAsync(telemetry, Refused, stranger));
        }

        await Eventually.TrueAsync(() => Fleet.IsReadyAsync("device-provisioning"), seconds: 120);
        await Eventually.TrueAsync(async () => await CountAsync(telemetry, "SELECT count(*) FROM readings WHERE device_id = $1", made) == more[1].Acknowledged, seconds: 60);
        await Eventually.TrueAsync(async () => await CountAsync(telemetry, Refused, stranger) == more[2].Acknowledged, seconds: 60);
        await connected.EndsExactAsync();
        await remembered.EndsExactAsync();
        output.WriteLine($"{connected.Acknowledged} and {remembered.Acknowledged} acknowledged");
        foreach (var device in more)
        {
            await device.DisposeAsync();
        }
    }

    private const string Refused = "SELECT coalesce(sum(count), 0)::bigint FROM rejections WHERE device_id = $1 AND reason = 'unknown_device'";

    private static async Task<MqttClientConnectResultCode> TryConnectAsync(Device device)
    {
        using var client = DeviceClient.Make();
        return (await client.ConnectAsync(DeviceClient.Options(device).Build(), Cancellation)).ResultCode;
    }

    private static async Task<long> CountAsync(NpgsqlDataSource telemetry, string sql, Device device)
    {
        await using var command = telemetry.CreateCommand(sql);
        command.Parameters.Add(new() { Value = device.Id });
        return (long)(await command.ExecuteScalarAsync(Cancellation))!;
    }
}
