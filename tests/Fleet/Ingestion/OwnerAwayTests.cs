using EasySmart.Fleet.Tests.Devices;
using EasySmart.Hosting;
using MQTTnet;
using MQTTnet.Formatter;
using Npgsql;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>
/// DeviceProvisioning is away. Devices that are connected go on, and ingestion knows them from its replica, also when it is started anew. Who
/// is not connected, ingestion included, is let in only by a broker that remembers: the fleet's own asks each time. What comes from a device
/// that ingestion has not heard of waits, out of the way of the others, until its owner can be asked.
/// </summary>
[Collection("Servers are killed here")]
public sealed class OwnerAwayTests(ITestOutputHelper output)
{
    private const int Many = 1000;
    private const string Known = "SELECT count(*) FROM devices WHERE device_id = $1";
    private const string Readings = "SELECT count(*) FROM readings WHERE device_id = $1";
    private const string Refusals = "SELECT coalesce(sum(count), 0)::bigint FROM rejections WHERE device_id = $1 AND reason = 'unknown_device'";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task DeviceProvisioning_is_down_for_the_whole_run()
    {
        await using var sink = new Sink();
        await using var telemetry = Fleet.Telemetry();
        await using var broker = await PersistentBroker.StartAsync();
        await using var first = await PersistentBroker.IngestionAsync(1);
        await using var asked = await Traffic.StartAsync(sink);
        await using var remembered = await Traffic.StartAsync(sink, PersistentBroker.Port);
        var known = await remembered.Tenant.ProvisionAsync();
        await Eventually.TrueAsync(async () => await CountAsync(telemetry, Known, known) == 1);
        await asked.StoredMoreAsync(500);
        await remembered.StoredMoreAsync(500);

        // Made while news of it could not travel, so that ingestion has not heard of it.
        Device made;
        IAsyncDisposable owner;
        await using (await Fleet.StoppedAsync("rabbitmq"))
        {
            made = await remembered.Tenant.ProvisionAsync();
            owner = await Fleet.StoppedAsync("device-provisioning");
        }

        var nobody = Guid.CreateVersion7();
        await using var madeDevice = new NumberedDevice(made, MqttProtocolVersion.V500, withTime: false, PersistentBroker.Port);
        await using var stranger = new NumberedDevice(
            new Device(nobody, "", "", made.TopicPrefix.Replace($"{made.Id}", $"{nobody}", StringComparison.Ordinal)), MqttProtocolVersion.V311, withTime: true, PersistentBroker.Port);
        await using (owner)
        {
            using (var refused = await asked.Tenant.PostAsync("/api/v1/devices/provision", new { }))
            {
                Assert.Equal(503, (int)refused.StatusCode);
                Assert.NotNull(refused.Headers.RetryAfter);
            }

            Assert.Equal(MqttClientConnectResultCode.ServerUnavailable, await TryConnectAsync(known));
            await madeDevice.AcknowledgedAsync(100);
            await stranger.AcknowledgedAsync(100);
            await Task.WhenAll(madeDevice.EndAsync(), stranger.EndAsync());
            await using var knownDevice = new NumberedDevice(known, MqttProtocolVersion.V500, withTime: false, PersistentBroker.Port);
            await knownDevice.AcknowledgedAsync(100);
            await knownDevice.EndAsync();

            await first.KillAsync();
            await using var second = await PersistentBroker.IngestionAsync(1);
            await Task.WhenAll(asked.AcknowledgedMoreAsync(Many), remembered.AcknowledgedMoreAsync(Many));
            await Task.WhenAll(asked.StoredMoreAsync(500), remembered.StoredMoreAsync(500));
            await Eventually.TrueAsync(async () => await CountAsync(telemetry, Readings, known) == knownDevice.Acknowledged);
            Assert.Equal(0, await CountAsync(telemetry, Readings, made));
            Assert.Equal(0, await CountAsync(telemetry, Refusals, stranger.Device));
            // The fleet's broker does not let this one in again before its owner is back, and holds the readings for it.
            await Fleet.KillAsync("ingestion");
            await asked.AcknowledgedMoreAsync(100);
            await owner.DisposeAsync();
            await Eventually.TrueAsync(async () => await CountAsync(telemetry, Readings, made) == madeDevice.Acknowledged, seconds: 60);
            await Eventually.TrueAsync(async () => await CountAsync(telemetry, Refusals, stranger.Device) == stranger.Acknowledged, seconds: 60);
            await asked.EndsExactAsync();
            await remembered.EndsExactAsync();
        }

        output.WriteLine($"{asked.Acknowledged} and {remembered.Acknowledged} acknowledged");
    }

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
