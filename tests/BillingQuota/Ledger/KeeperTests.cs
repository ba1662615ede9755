using EasySmart.Contracts.Ingestion;
using EasySmart.Hosting;

namespace EasySmart.BillingQuota.Tests.Ledger;

/// <summary>When the service looks at its ledger, and when it leaves that alone.</summary>
public sealed class KeeperTests
{
    private readonly Guid _mine = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(40 * 24 * 60)]
    [InlineData(2)]
    [InlineData(-2)]
    public async Task While_its_clock_is_not_the_databases_nothing_is_counted_posted_or_closed(int minutesAhead)
    {
        await using var ledger = await OwnLedger.BeginAsync(DateTimeOffset.UtcNow.AddMinutes(minutesAhead));
        await ledger.GivePlanAsync(_mine, DateTimeOffset.UtcNow.AddDays(-100));
        await ledger.AddDevicesAsync(_mine, 1);
        await ledger.CountAsync(new UsageEntry(_mine, DateTimeOffset.UtcNow.AddDays(-2), 1, 1, 1));
        await ledger.ExecuteAsync("UPDATE ledger_state SET device_hours_until = now() - interval '60 days', snapshots_from = date_trunc('month', now() - interval '60 days')");
        var before = await ledger.StateAsync();
        await ledger.Keeper.LookAsync(Cancellation);
        Assert.Equal(before, await ledger.StateAsync());
        Assert.StartsWith("Ledger: nothing is done while this clock is ", Assert.Single(ledger.Keeping.All).Line, StringComparison.Ordinal);

        ledger.Clock.AdjustTime(DateTimeOffset.UtcNow);
        await ledger.Keeper.LookAsync(Cancellation);
        Assert.NotEqual(before, await ledger.StateAsync());
    }

    [Fact]
    public async Task Hours_that_ended_while_the_service_was_away_are_counted_when_the_replica_has_had_a_minute()
    {
        await using var ledger = await OwnLedger.BeginAsync(DateTimeOffset.UtcNow);
        await ledger.Keeper.LookAsync(Cancellation);
        await ledger.ExecuteAsync("UPDATE ledger_state SET device_hours_until = date_trunc('hour', now()) - interval '3 hours'");
        await ledger.Keeper.StartAsync(Cancellation);
        // What the events tell that waited, and the rebuild.
        await ledger.AddDevicesAsync(Guid.CreateVersion7(), 10_000);
        await ledger.AddDevicesAsync(_mine, 2);
        await Eventually.TrueAsync(async () =>
        {
            // Sets the clock without a tick, and then there is one, with a clock that is right.
            ledger.Clock.AdjustTime(DateTimeOffset.UtcNow.AddMinutes(-1));
            ledger.Clock.Advance(TimeSpan.FromMinutes(1));
            return await ledger.BalanceAsync(_mine, "device_hours") is "6" or "8";
        });
        await ledger.Keeper.StopAsync(Cancellation);
    }
}
