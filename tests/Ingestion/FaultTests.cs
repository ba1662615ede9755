using EasySmart.Hosting;
using EasySmart.Ingestion.Batches;
using EasySmart.Ingestion.Devices;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.Ingestion.Tests;

/// <summary>What is acknowledged, and when, seen from the broker's end of the wire.</summary>
public sealed class FaultTests
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task Nothing_is_acknowledged_before_its_commit_and_all_is_there_once_after_an_outage()
    {
        await using var host = await new ScriptedHost { Special = { ["Ingestion:BatchRows"] = "10" } }.StartAsync();
        var device = host.Owner.Put(_tenant);
        await host.Wire.DeliverAsync(1, device.Topic(), "0");
        await AcknowledgedAsync(host, 1);
        await host.Database.SetReachableAsync(false);
        for (ushort i = 2; i <= 2000; i++)
        {
            await host.Wire.DeliverAsync(i, device.Topic(i % 7), $"{{\"value\":{i}}}");
        }

        // Full: the channel holds two batches, the rest stays on the wire.
        var lanes = host.Services.GetRequiredService<Lanes>();
        await Eventually.TrueAsync(() => Task.FromResult(lanes.Live.Count == 20));
        Assert.Single(host.Wire.Acknowledged);
        await host.Database.SetReachableAsync(true);
        await AcknowledgedAsync(host, 2000);
        Assert.Equal(Enumerable.Range(1, 2000).Select(i => (ushort)i), host.Wire.Acknowledged);
        Assert.Equal(2000, await host.ReadingsOfAsync(device));
        Assert.Equal((2000, 2000), await host.ToldUsageAsync());
        Assert.Equal(1L, await host.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE type LIKE '%DevicesSeen'"));
    }

    [Fact]
    public async Task Usage_counts_what_is_newly_stored_and_the_careful_path_stores_like_the_fast_one()
    {
        await using var host = await new ScriptedHost().StartAsync();
        var device = host.Owner.Put(_tenant);
        ushort packet = 0;
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 50; i++)
            {
                await host.Wire.DeliverAsync(++packet, device.Topic(), $"{{\"value\":{i},\"ts\":{1771156800000 + i}}}");
                await host.Wire.DeliverAsync(++packet, device.Topic(1), "\"no time of its own\"");
            }

            await AcknowledgedAsync(host, packet);
        }

        Assert.Equal(50 + 150, await host.ReadingsOfAsync(device));
        Assert.Equal((50 + 150, 50 + 150), await host.ToldUsageAsync());
        Assert.Equal("", await host.RejectionsOfAsync(device));
    }

    [Fact]
    public async Task A_row_that_the_database_refuses_does_not_hold_the_others()
    {
        await using var host = await new ScriptedHost().StartAsync();
        await host.ScalarAsync<int>(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'odd' USING ERRCODE = '22003'; END $$;
            CREATE TRIGGER odd BEFORE INSERT ON readings FOR EACH ROW WHEN (NEW.value = 666) EXECUTE FUNCTION refuse();
            """);
        var device = host.Owner.Put(_tenant);
        for (ushort i = 1; i <= 300; i++)
        {
            await host.Wire.DeliverAsync(i, device.Topic(), i is 7 or 200 ? "{\"value\":666}" : "{\"value\":1}");
        }

        await AcknowledgedAsync(host, 300);
        Assert.Equal(298, await host.ReadingsOfAsync(device));
        Assert.Equal("unstorable=2", await host.RejectionsOfAsync(device));
    }

    [Fact]
    public async Task While_the_owner_is_away_an_unknown_device_waits_and_known_ones_go_on()
    {
        await using var host = await new ScriptedHost { Special = { ["Ingestion:WaitingMessages"] = "5" } }.StartAsync();
        var known = host.Owner.Put(_tenant);
        await host.Wire.DeliverAsync(1, known.Topic(), "0");
        await AcknowledgedAsync(host, 1);
        host.Owner.Down = true;
        var unknown = host.Owner.Put(_tenant);
        for (ushort i = 2; i <= 11; i += 2)
        {
            await host.Wire.DeliverAsync(i, unknown.Topic(), $"{i}");
            await host.Wire.DeliverAsync((ushort)(i + 1), known.Topic(), $"{i}");
        }

        await AcknowledgedAsync(host, 6);
        Assert.Equal("1 3 5 7 9 11", string.Join(' ', host.Wire.Acknowledged));
        // One more than may wait: its source waits, whoever comes next.
        await host.Wire.DeliverAsync(12, unknown.Topic(), "12");
        await host.Wire.DeliverAsync(13, known.Topic(), "13");
        host.Owner.Down = false;
        await AcknowledgedAsync(host, 13);
        Assert.Equal(6, await host.ReadingsOfAsync(unknown));
        Assert.Equal("2 4 6 8 10 12", await host.ScalarAsync<string>(
            "SELECT string_agg(payload::text, ' ' ORDER BY time) FROM readings WHERE device_id = $1", unknown.DeviceId));
        // Not at all when the rebuild of the empty replica was quicker.
        Assert.InRange(host.Owner.Asked.GetValueOrDefault(unknown.DeviceId), 0, 1);
    }

    [Fact]
    public async Task What_is_held_when_the_connection_breaks_is_not_taken_twice()
    {
        await using var host = await new ScriptedHost().StartAsync();
        var device = host.Owner.Put(_tenant);
        await host.Wire.DeliverAsync(1, device.Topic(), "0");
        await AcknowledgedAsync(host, 1);
        await host.Database.SetReachableAsync(false);
        await host.Wire.DeliverAsync(2, device.Topic(), "{\"value\":2}");
        await host.Wire.DeliverAsync(3, device.Topic(), "{\"value\":3}");
        host.Wire.Break();
        await host.Database.SetReachableAsync(true);
        await host.Wire.AcceptAsync(sessionPresent: true);
        for (ushort i = 2; i <= 4; i++)
        {
            await host.Wire.DeliverAsync(i, device.Topic(), $"{{\"value\":{i}}}", again: true);
        }

        await Eventually.TrueAsync(() => Task.FromResult(host.Wire.Acknowledged.Contains((ushort)4)));
        Assert.Equal(4, await host.ReadingsOfAsync(device));
    }

    [Fact]
    public async Task After_a_restart_a_repeat_is_known_and_what_was_never_stored_is_stored()
    {
        // A commit for each message, so that several are recorded with nothing received between them.
        await using var first = await new ScriptedHost { Special = { ["Ingestion:BatchRows"] = "1" } }.StartAsync();
        var device = first.Owner.Put(_tenant);
        for (ushort i = 1; i <= 3; i++)
        {
            await first.Wire.DeliverAsync(i, device.Topic(), $"{{\"value\":{i}}}");
        }

        await AcknowledgedAsync(first, 3);
        await using (var second = await new ScriptedHost { Inherited = first.Database }.StartAsync(sessionPresent: true))
        {
            second.Owner.Put(_tenant, id: device.DeviceId);
            await second.Wire.DeliverAsync(2, device.Topic(), "{\"value\":2}", again: true);
            await second.Wire.DeliverAsync(3, device.Topic(), "{\"value\":30}", again: true);
            await second.Wire.DeliverAsync(4, device.Topic(), "{\"value\":4}", again: true);
            await second.Wire.DeliverAsync(1, device.Topic(), "{\"value\":1}");
            await second.Wire.DeliverAsync(1, device.Topic(), "{\"value\":1}", again: true);
            await AcknowledgedAsync(second, 4);
        }

        Assert.Equal("1 1 2 3 4 30", await first.ScalarAsync<string>("SELECT string_agg(value::text, ' ' ORDER BY value) FROM readings"));
        await using var fresh = await new ScriptedHost { Inherited = first.Database }.StartAsync(sessionPresent: false);
        fresh.Owner.Put(_tenant, id: device.DeviceId);
        await fresh.Wire.DeliverAsync(2, device.Topic(), "{\"value\":2}", again: true);
        await AcknowledgedAsync(fresh, 1);
        Assert.Equal(7, await first.ReadingsOfAsync(device));
    }

    [Fact]
    public async Task Stopping_commits_and_acknowledges_what_is_in_hand_and_leaves_politely()
    {
        await using var host = await new ScriptedHost { Special = { ["Ingestion:BatchMilliseconds"] = "10000", ["Ingestion:BatchRows"] = "100" } }.StartAsync();
        var device = host.Owner.Put(_tenant);
        for (ushort i = 1; i <= 200; i++)
        {
            await host.Wire.DeliverAsync(i, device.Topic(), $"{{\"value\":{i}}}");
        }

        // The first full batch is through; what came after it waits for another hundred, or for the end.
        await Eventually.TrueAsync(() => Task.FromResult(host.Wire.Acknowledged.Count >= 100));
        await host.Services.GetServices<Microsoft.Extensions.Hosting.IHostedService>().OfType<TelemetryPipeline>().Single()
            .StopAsync(TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => Task.FromResult(host.Wire.SaidGoodBye));
        Assert.Equal(host.Wire.Acknowledged.Count, await host.ReadingsOfAsync(device));
    }

    [Fact]
    public async Task An_empty_replica_is_rebuilt_from_its_owner()
    {
        await using var host = await new ScriptedHost
        {
            BeforeStart = owner =>
            {
                for (var i = 0; i < 2300; i++)
                {
                    owner.Put(_tenant);
                }
            },
        }.StartAsync();
        var directory = host.Services.GetRequiredService<DeviceDirectory>();
        await Eventually.TrueAsync(() => Task.FromResult(directory.Count == 2300));
        Assert.Equal(2300, await host.ScalarAsync<long>("SELECT count(*) FROM devices WHERE status = 'active' AND tenant_id = $1", _tenant));
        Assert.Empty(host.Owner.Asked);
    }

    private static Task AcknowledgedAsync(ScriptedHost host, int count) =>
        Eventually.TrueAsync(() => Task.FromResult(host.Wire.Acknowledged.Count >= count));
}
