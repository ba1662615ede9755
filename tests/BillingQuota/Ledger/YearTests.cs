using EasySmart.BillingQuota.Snapshots;
using EasySmart.Contracts.Ingestion;

namespace EasySmart.BillingQuota.Tests.Ledger;

/// <summary>Months, and a whole year of them.</summary>
public sealed class YearTests
{
    private readonly Guid _mine = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_month_gets_its_final_snapshot_once_its_last_hour_is_posted_and_only_then()
    {
        var end = new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);
        await using var ledger = await OwnLedger.BeginAsync(end.AddHours(-3));
        await ledger.GivePlanAsync(_mine, end.AddDays(-9));
        await ledger.GivePlanAsync(Guid.CreateVersion7(), end);
        await ledger.AddDevicesAsync(_mine, 2);
        await ledger.KeepAsync();
        await ledger.CountAsync(new UsageEntry(_mine, end.AddMinutes(-1), 10, 9, 900), new UsageEntry(_mine, end, 100, 90, 9000));
        await ledger.KeepAtAsync(end.AddMinutes(4));
        Assert.Equal("", await SnapshotsAsync(ledger));
        await ledger.KeepAtAsync(end.AddMinutes(5));
        await ledger.KeepAsync();
        Assert.Equal("2026-02 true 2 900 10 6", await SnapshotsAsync(ledger));
        Assert.Equal("1", await ledger.ReadAsync(
            $"SELECT count(*) FROM outbox WHERE body->>'EventType' = 'billing.snapshot_generated' AND (body->>'TenantId')::uuid = '{_mine}' AND (body->'Metadata'->>'final')::boolean"));

        // What comes later is in the ledger, and changes no snapshot that is final.
        await ledger.CountAsync(new UsageEntry(_mine, end.AddMinutes(-2), 1, 1, 1));
        await ledger.KeepAtAsync(end.AddDays(2));
        Assert.Equal("2026-02 true 2 900 10 6", await SnapshotsAsync(ledger));
        Assert.Equal("1", await ledger.ReadAsync("SELECT count(*) FROM usage_snapshots"));
        Assert.Equal("111", await ledger.BalanceAsync(_mine, "messages"));
    }

    [Fact]
    public async Task What_is_told_when_its_month_is_final_is_in_the_next_months_final_snapshot_and_in_no_other()
    {
        var february = new DateTimeOffset(2026, 2, 1, 0, 0, 0, TimeSpan.Zero);
        await using var ledger = await OwnLedger.BeginAsync(february);
        await ledger.GivePlanAsync(_mine, february);
        await ledger.KeepAsync();
        await ledger.CountAsync(Sent(february, 1), Sent(february.AddDays(20), 10));
        await ledger.KeepAtAsync(february.AddMonths(1).AddMinutes(5));

        // Of February, and of the month that runs; of a tenant whose plan comes late, only now.
        var late = Guid.CreateVersion7();
        await ledger.CountAsync(
            Sent(february.AddDays(27), 100), Sent(february.AddMonths(1), 1_000), Sent(february.AddMonths(2), 10_000), Sent(february, 7) with { TenantId = late });
        await ledger.GivePlanAsync(late, february);
        await ledger.KeepAtAsync(february.AddMonths(1).AddHours(4));
        await using (var connection = await ledger.System.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await connection.BeginTransactionAsync(Cancellation);
            var running = await SnapshotWriter.WriteAsync(
                transaction, [_mine], DateOnly.FromDateTime(february.AddMonths(1).Date), final: false, ledger.Clock.GetUtcNow().UtcDateTime, Cancellation);
            Assert.Equal(1_000, Assert.Single(running).Meters["messages"]);
            await transaction.CommitAsync(Cancellation);
        }

        await ledger.KeepAtAsync(february.AddMonths(2).AddMinutes(5));
        await ledger.CountAsync(Sent(february.AddDays(1), 100_000));
        await ledger.KeepAtAsync(february.AddMonths(3).AddMinutes(5));
        await ledger.KeepAtAsync(february.AddMonths(4).AddMinutes(5));
        Assert.Equal("2026-02 11, 2026-03 1100, 2026-04 110000, 2026-05 0", await MessagesAsync(_mine));
        Assert.Equal("2026-03 7, 2026-04 0, 2026-05 0", await MessagesAsync(late));

        UsageEntry Sent(DateTimeOffset at, long messages) => new(_mine, at, messages, 0, 0);

        Task<string> MessagesAsync(Guid tenant) => ledger.ReadAsync(
            $"SELECT string_agg(period || ' ' || coalesce(meters->>'messages', '0'), ', ' ORDER BY period) FROM usage_snapshots WHERE final AND tenant_id = '{tenant}'");
    }

    [Fact]
    public async Task Months_that_ended_while_the_service_was_away_are_closed_one_after_the_other()
    {
        await using var ledger = await OwnLedger.BeginAsync(new(2025, 11, 10, 0, 0, 0, TimeSpan.Zero));
        await ledger.GivePlanAsync(_mine, new(2025, 12, 24, 0, 0, 0, TimeSpan.Zero));
        await ledger.KeepAsync();
        await ledger.KeepAtAsync(new(2026, 3, 1, 0, 4, 0, TimeSpan.Zero));
        Assert.Equal("2025-12, 2026-01", await ledger.ReadAsync("SELECT string_agg(period, ', ' ORDER BY period) FROM usage_snapshots"));
    }

    [Fact]
    public async Task A_year_adds_up()
    {
        var begin = new DateTimeOffset(2027, 7, 1, 0, 0, 0, TimeSpan.Zero);
        await using var ledger = await OwnLedger.BeginAsync(begin);
        await ledger.GivePlanAsync(_mine, begin);
        await ledger.AddDevicesAsync(_mine, 4);
        await ledger.KeepAsync();
        var fed = new long[5];
        var end = begin.AddYears(1);
        for (var day = begin; day < end; day = day.AddDays(1))
        {
            // Every hour of the day, and something that comes when its hour is long posted, and on the first when its month is final.
            UsageEntry[] told =
            [
                .. Enumerable.Range(0, 24).Select(hour => Entry(day.AddHours(hour), (day.DayOfYear * 24) + hour)),
                .. day > begin ? [Entry(day.AddHours(-13), 3)] : Array.Empty<UsageEntry>(),
            ];
            await ledger.CountAsync(told);
            foreach (var entry in told)
            {
                fed = [fed[0] + entry.Messages, fed[1] + entry.Readings, fed[2] + entry.Bytes, fed[3] + entry.ReadingsDeleted, fed[4] + entry.BytesDeleted];
            }

            await ledger.KeepAtAsync(day.AddDays(1).AddMinutes(6));
        }

        string[] meters = ["messages", "readings", "bytes_stored", "readings_deleted", "bytes_deleted"];
        foreach (var (meter, total) in meters.Zip(fed))
        {
            Assert.Equal($"{total}", await ledger.BalanceAsync(_mine, meter));
            Assert.Equal($"{total}", await ledger.ReadAsync($"SELECT sum((meters->>'{meter}')::bigint) FROM usage_snapshots WHERE final"));
        }

        // A leap year.
        Assert.Equal($"{4 * 24 * 366}", await ledger.BalanceAsync(_mine, "device_hours"));
        Assert.Equal($"{fed[2] - fed[4]}", await ledger.ReadAsync("SELECT storage_bytes FROM usage_snapshots WHERE period = '2028-06'"));
        Assert.Equal($"{fed[2] - fed[4]}", await ledger.ReadAsync($"SELECT bytes FROM tenant_storage WHERE tenant_id = '{_mine}'"));
        Assert.Equal("12", await ledger.ReadAsync("SELECT count(*) FROM usage_snapshots WHERE final"));
        Assert.Equal("0", await ledger.ReadAsync("SELECT count(*) FROM usage_pending"));
        var verdict = await ledger.VerifyAsync();
        Assert.True(verdict.Holds, verdict.Says);
        Assert.StartsWith("365 days, ", verdict.Says, StringComparison.Ordinal);
    }

    private static Task<string> SnapshotsAsync(OwnLedger ledger) => ledger.ReadAsync(
        "SELECT string_agg(concat_ws(' ', period, final::text, devices, storage_bytes, meters->>'messages', meters->>'device_hours'), ', ' ORDER BY period) FROM usage_snapshots");

    private UsageEntry Entry(DateTimeOffset hour, long n) =>
        new(_mine, hour.AddMinutes(n % 60), 10 + n, 9 + n, 1000 + (n * 7), n % 5, n % 11);
}
