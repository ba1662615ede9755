using EasySmart.Hosting;
using EasySmart.Ingestion.Retention;
using EasySmart.Ingestion.Rollups;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>Quarter hours: rolled up when they close, and anew when late readings come. Nothing waits for a real quarter to pass.</summary>
public sealed class RollupTests(IngestionHost host)
{
    private static readonly DateTimeOffset Quarter =
        DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.AddDays(-2).ToUnixTimeSeconds() / 900 * 900);

    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_quarter_holds_what_its_readings_say_also_after_late_ones()
    {
        var device = host.Owner.Put(_tenant);
        await host.Broker.PublishAsync(
            (device.Topic(), Series((0, "4"), (899.999, "-1.5"), (900, "7"))),
            (device.Topic(), Series((60, "\"no number\""), (61, "{\"value\":5}"), (62, "1e301"))));
        await RolledAsync(device, $"{Quarter:HH:mm} 2 2.5 -1.5 4 4 -1.5", $"{Quarter.AddMinutes(15):HH:mm} 1 7 7 7 7 7");

        await host.Broker.PublishAsync((device.Topic(), Series((-0.001, "3"), (1, "10"), (1000, "8"))));
        await RolledAsync(
            device, $"{Quarter.AddMinutes(-15):HH:mm} 1 3 3 3 3 3", $"{Quarter:HH:mm} 3 12.5 -1.5 10 4 -1.5", $"{Quarter.AddMinutes(15):HH:mm} 2 15 7 8 7 8");
    }

    [Fact]
    public async Task Live_readings_leave_no_mark_and_late_ones_one_for_each_quarter_and_commit()
    {
        // No roller takes these marks away: it has a database of its own and is held back.
        await using var own = await new ScriptedHost().StartAsync();
        await using var held = await HoldRollersAsync(own);
        var device = own.Owner.Put(_tenant);
        await own.Wire.DeliverAsync(1, device.Topic(), """{"value":1}""");
        await Eventually.TrueAsync(() => Task.FromResult(own.Wire.Acknowledged.Count == 1));
        Assert.Equal(0, await own.ScalarAsync<long>("SELECT count(*) FROM rollups_due"));

        await own.Wire.DeliverAsync(2, device.Topic(), Series((0, "1"), (1, "2"), (900, "3")));
        await Eventually.TrueAsync(() => Task.FromResult(own.Wire.Acknowledged.Count == 2));
        Assert.Equal(
            $"{Quarter:HH:mm} {Quarter.AddMinutes(15):HH:mm}",
            await own.ScalarAsync<string>("SELECT string_agg(to_char(quarter AT TIME ZONE 'UTC', 'HH24:MI'), ' ' ORDER BY quarter) FROM rollups_due"));

        // A repeat stores nothing, and so changes no quarter.
        await own.Wire.DeliverAsync(3, device.Topic(), Series((0, "1")));
        await Eventually.TrueAsync(() => Task.FromResult(own.Wire.Acknowledged.Count == 3));
        Assert.Equal(2, await own.ScalarAsync<long>("SELECT count(*) FROM rollups_due"));
    }

    [Fact]
    public async Task A_closed_quarter_waits_for_a_transaction_that_may_still_store_into_it()
    {
        await using var own = await new ScriptedHost().StartAsync();
        var device = own.Owner.Put(_tenant);
        await using var writer = NpgsqlDataSource.Create(own.Database.For("ingestion_system"));
        await using var connection = await writer.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTransactionAsync(Cancellation);
        // As a batch does that is written while the quarter is open: no mark. No transaction has ended since it began.
        await using (await HoldRollersAsync(own))
        {
            await SetBackAsync(own);
            await StoreAsync(transaction, device, 0, Quarter, 5);
        }

        // Both see the quarters closed, and may look as often as they like.
        await using var source = NpgsqlDataSource.Create(own.Database.For("ingestion_system"));
        var roller = RollerOn(own, source);
        for (var i = 0; i < 5; i++)
        {
            await roller.RollAsync(Cancellation);
        }

        Assert.Equal(Quarter.UtcDateTime, await own.ScalarAsync<DateTime>("SELECT rolled_until FROM rollup_progress"));
        await transaction.CommitAsync(Cancellation);

        await Eventually.TrueAsync(async () => await own.ScalarAsync<DateTime>("SELECT rolled_until FROM rollup_progress") > Quarter.AddDays(1));
        Assert.Equal($"{Quarter:HH:mm} 1 5 5 5 5 5", await RollupsOfAsync(own, device));
    }

    [Fact]
    public async Task One_that_dies_in_the_middle_leaves_all_due_and_the_next_does_it()
    {
        await using var own = await new ScriptedHost().StartAsync();
        await using var held = await HoldRollersAsync(own);
        var device = own.Owner.Put(_tenant);
        await own.Wire.DeliverAsync(1, device.Topic(), Series((0, "1"), (900, "2")));
        await Eventually.TrueAsync(() => Task.FromResult(own.Wire.Acknowledged.Count == 1));

        await using var source = NpgsqlDataSource.Create(own.Database.For("ingestion_system"));
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        await using (var transaction = await connection.BeginTransactionAsync(Cancellation))
        {
            Assert.Equal(2, (await DueQuarters.TakeAsync(transaction, Cancellation)).Marks);
            Assert.True(await own.ScalarAsync<bool>("SELECT pg_terminate_backend($1, 10000)", connection.ProcessID));
        }

        Assert.Equal(2, await own.ScalarAsync<long>("SELECT count(*) FROM rollups_due"));
        await held.DisposeAsync();
        await Eventually.TrueAsync(async () => await own.ScalarAsync<long>("SELECT count(*) FROM rollups_due") == 0);
        Assert.Equal($"{Quarter:HH:mm} 1 1 1 1 1 1; {Quarter.AddMinutes(15):HH:mm} 1 2 2 2 2 2", await RollupsOfAsync(own, device));
    }

    [Fact]
    public async Task Set_back_it_makes_all_anew_and_forgets_what_has_no_reading_any_more()
    {
        await using var own = await new ScriptedHost().StartAsync();
        var device = own.Owner.Put(_tenant);
        await own.Wire.DeliverAsync(1, device.Topic(), Series((0, "1"), (900, "2"), (90_000, "3")));
        await Eventually.TrueAsync(async () => (await RollupsOfAsync(own, device)).Split(';').Length == 3);

        // As an operator who removed readings, and rollups that somebody spoilt.
        await own.ScalarAsync<object>("DELETE FROM readings WHERE device_id = $1 AND value = 2", device.DeviceId);
        await own.ScalarAsync<object>("UPDATE rollups SET sum = 99 WHERE device_id = $1", device.DeviceId);
        await SetBackAsync(own);

        await Eventually.TrueAsync(async () => await RollupsOfAsync(own, device)
            == $"{Quarter:HH:mm} 1 1 1 1 1 1; {Quarter.AddSeconds(90_000):HH:mm} 1 3 3 3 3 3");
    }

    [Fact]
    public async Task What_retention_deleted_the_readings_of_stays_whatever_comes_late()
    {
        await using var own = await new ScriptedHost().StartAsync();
        var device = own.Owner.Put(_tenant);
        var kept = $"{Quarter:HH:mm} 2 3 1 2 1 2; {Quarter.AddMinutes(15):HH:mm} 1 3 3 3 3 3";
        var today = $"{Quarter.AddSeconds(99_900):HH:mm} 1 4 4 4 4 4";
        await own.Wire.DeliverAsync(1, device.Topic(), Series((0, "1"), (1, "2"), (900, "3"), (99_900, "4")));
        await RolledAsync(own, device, kept, today);
        await using (var source = NpgsqlDataSource.Create(own.Database.For("ingestion_system")))
        {
            await own.ScalarAsync<object>("INSERT INTO tenant_quotas VALUES ($1, 'pro', 'annual', 0, 0, 0, false, 1, 1)", _tenant);
            using var retention = new ReadingRetention(source, TimeProvider.System, NullLogger<ReadingRetention>.Instance);
            Assert.Equal(3, await retention.DeleteOldAsync(Cancellation));
        }

        // Nothing is left of the second; the third was never there.
        await own.ScalarAsync<object>("UPDATE tenant_quotas SET retention_days = 0");
        await own.ScalarAsync<object>(
            "INSERT INTO rollups_due (tenant_id, device_id, slot, quarter) VALUES ($1, $2, 0, $3)", _tenant, device.DeviceId, Quarter.AddMinutes(15).UtcDateTime);
        await own.Wire.DeliverAsync(2, device.Topic(), Series((2, "9"), (1800, "7")));
        var added = $"{Quarter.AddMinutes(30):HH:mm} 1 7 7 7 7 7";
        await RolledAsync(own, device, kept, added, today);
        Assert.Equal(0, await own.ScalarAsync<long>("SELECT count(*) FROM rollups_due"));

        await SetBackAsync(own);
        await Eventually.TrueAsync(async () => await own.ScalarAsync<DateTime>("SELECT rolled_until FROM rollup_progress") > Quarter.AddDays(1));
        await RolledAsync(own, device, kept, added, today);

        // Once more is there again than it tells of, it is made anew.
        await own.Wire.DeliverAsync(3, device.Topic(), Series((0, "1"), (1, "2")));
        await RolledAsync(own, device, kept.Replace("2 3 1 2 1 2", "3 12 1 9 1 9", StringComparison.Ordinal), added, today);
    }

    [Fact]
    public async Task More_series_than_one_transaction_takes_are_all_rolled_up_by_whichever_instance_is_at_it()
    {
        await using var own = await new ScriptedHost().StartAsync();
        var device = own.Owner.Put(_tenant);
        await using var source = NpgsqlDataSource.Create(own.Database.For("ingestion_system"));
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        await using (var transaction = await connection.BeginTransactionAsync(Cancellation))
        {
            for (short slot = 0; slot <= 2 * SeriesRange.Most; slot++)
            {
                await StoreAsync(transaction, device, slot, Quarter, slot);
            }

            await transaction.CommitAsync(Cancellation);
        }

        await SetBackAsync(own);
        var other = RollerOn(own, source);
        await Eventually.TrueAsync(async () =>
        {
            await other.RollAsync(Cancellation);
            return await own.ScalarAsync<DateTime>("SELECT rolled_until FROM rollup_progress") > Quarter.AddDays(1);
        });
        Assert.Equal(
            2 * SeriesRange.Most + 1,
            await own.ScalarAsync<long>("SELECT count(*) FROM rollups WHERE count = 1 AND sum = slot AND quarter = $1", Quarter.UtcDateTime));
    }

    /// <summary>Stands in every roller's way until it is disposed.</summary>
    private static async Task<NpgsqlConnection> HoldRollersAsync(ScriptedHost own)
    {
        var connection = new NpgsqlConnection(own.Database.For("ingestion_system") + ";Pooling=false");
        await connection.OpenAsync(Cancellation);
        await using var hold = new NpgsqlCommand($"SELECT pg_advisory_lock({Roller.Lock})", connection);
        await hold.ExecuteNonQueryAsync(Cancellation);
        return connection;
    }

    private static Roller RollerOn(ScriptedHost own, NpgsqlDataSource source) => new(
        source, own.Services.GetRequiredService<IngestionMetrics>(), TimeProvider.System, NullLogger<Roller>.Instance);

    private static Task<object?> SetBackAsync(ScriptedHost own) =>
        own.ScalarAsync<object>("UPDATE rollup_progress SET rolled_until = $1", Quarter.UtcDateTime);

    private static string Series(params (double Second, string Value)[] readings) => $"[{string.Join(',', readings.Select(r =>
        $$"""{"ts":{{Quarter.AddSeconds(r.Second).ToUnixTimeMilliseconds()}},"value":{{r.Value}}}"""))}]";

    private static async Task StoreAsync(NpgsqlTransaction transaction, TestOwner.Device device, short slot, DateTimeOffset time, double value)
    {
        await using var command = new NpgsqlCommand(
            """
            WITH stored AS (
                INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, bytes) VALUES ($1, $2, $5, $3, $3, 1, $4, 9))
            INSERT INTO latest (tenant_id, device_id, slot, time, received_at, form, value) VALUES ($1, $2, $5, $3, $3, 1, $4)
            """,
            transaction.Connection,
            transaction)
        {
            Parameters = { new() { Value = device.TenantId }, new() { Value = device.DeviceId }, new() { Value = time }, new() { Value = value }, new() { Value = slot } },
        };
        await command.ExecuteNonQueryAsync(Cancellation);
    }

    private Task RolledAsync(TestOwner.Device device, params string[] quarters) => RolledAsync(host, device, quarters);

    private static Task RolledAsync(IngestionHost own, TestOwner.Device device, params string[] quarters) => Eventually.TrueAsync(async () =>
        await RollupsOfAsync(own, device) is var found && found == string.Join("; ", quarters) ? true : throw new InvalidOperationException(found));

    /// <summary>Beginning, count, sum, least, most, first and last of each.</summary>
    private static async Task<string> RollupsOfAsync(IngestionHost own, TestOwner.Device device) => await own.ScalarAsync<string>(
        """
        SELECT string_agg(concat_ws(' ', to_char(quarter AT TIME ZONE 'UTC', 'HH24:MI'), count, sum, min, max, first, last), '; ' ORDER BY quarter)
        FROM rollups WHERE device_id = $1
        """,
        device.DeviceId) ?? "";
}
