using EasySmart.Contracts.Ingestion;
using Npgsql;

namespace EasySmart.BillingQuota.Tests.Ledger;

/// <summary>What was used comes into the ledger once, in the day of its posting, and stays.</summary>
public sealed class PostingTests
{
    private static readonly DateTimeOffset Noon = new(2026, 2, 15, 12, 0, 0, TimeSpan.Zero);
    private readonly Guid _mine = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_hour_is_posted_five_minutes_after_its_end_and_what_comes_later_as_a_further_row()
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon.AddMinutes(20));
        await ledger.CountAsync(Used(Noon.AddMinutes(10), 5), Used(Noon.AddMinutes(-10), 7));
        await ledger.KeepAsync();
        Assert.Equal("02-15 11 7 02-15", await ledger.RowsAsync(_mine, "messages"));
        await ledger.CountAsync(Used(Noon.AddMinutes(59), 1));
        await ledger.KeepAtAsync(Noon.AddMinutes(64));
        Assert.Equal("02-15 11 7 02-15", await ledger.RowsAsync(_mine, "messages"));
        await ledger.KeepAtAsync(Noon.AddMinutes(65));
        await ledger.KeepAsync();
        Assert.Equal("02-15 11 7 02-15, 02-15 12 6 02-15", await ledger.RowsAsync(_mine, "messages"));

        await ledger.CountAsync(Used(Noon.AddMinutes(30), 100));
        Assert.Equal("113", await ledger.BalanceAsync(_mine, "messages"));
        await ledger.KeepAtAsync(Noon.AddHours(13));
        Assert.Equal("02-15 11 7 02-15, 02-15 12 6 02-15, 02-15 12 100 02-16", await ledger.RowsAsync(_mine, "messages"));
        Assert.Equal("113", await ledger.BalanceAsync(_mine, "messages"));
        Assert.Equal("0", await ledger.ReadAsync("SELECT count(*) FROM usage_pending"));
    }

    [Fact]
    public async Task Every_meter_is_counted_each_by_what_is_told_of_it()
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon.AddHours(2));
        await ledger.CountAsync(new UsageEntry(_mine, Noon, 1, 20, 300, 4_000, 50_000, 600_000, 7_000_000), new UsageEntry(_mine, Noon.AddMinutes(1), 0, 0, 0));
        await ledger.KeepAsync();
        Assert.Equal(
            "bytes_deleted 50000, bytes_stored 300, exports 7000000, messages 1, readings 20, readings_deleted 4000, webhook_calls 600000",
            await ledger.ReadAsync($"SELECT string_agg(meter || ' ' || amount, ', ' ORDER BY meter) FROM usage_ledger WHERE tenant_id = '{_mine}'"));
    }

    [Fact]
    public async Task A_clock_that_was_set_back_posts_into_the_day_that_is_open()
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon.AddHours(2));
        await ledger.CountAsync(Used(Noon, 1));
        await ledger.KeepAsync();
        await ledger.KeepAtAsync(Noon.AddDays(1));
        Assert.Equal("2026-02-15", await ledger.ReadAsync("SELECT max(day) FROM ledger_days"));

        // Back into the day that is closed, and further.
        foreach (var back in new[] { Noon.AddHours(3), Noon.AddDays(-30) })
        {
            await ledger.CountAsync(Used(back.AddHours(-2), 10));
            await ledger.KeepAtAsync(back);
        }

        Assert.Equal("02-15 12 1 02-15, 02-15 13 10 02-16, 01-16 10 10 02-16", await ledger.RowsAsync(_mine, "messages"));
        Assert.Equal("2026-02-15", await ledger.ReadAsync("SELECT max(day) FROM ledger_days"));

        // A day that was posted into is not gone back behind either, although it is not closed.
        await ledger.CountAsync(Used(Noon.AddDays(1), 100));
        ledger.Clock.AdjustTime(Noon.AddDays(3));
        await ledger.Poster.PostAsync(Cancellation);
        await ledger.CountAsync(Used(Noon.AddDays(1), 1_000));
        ledger.Clock.AdjustTime(Noon.AddDays(2));
        await ledger.Poster.PostAsync(Cancellation);
        Assert.EndsWith("02-16 12 100 02-18, 02-16 12 1000 02-18", await ledger.RowsAsync(_mine, "messages"), StringComparison.Ordinal);
        await ledger.KeepAtAsync(Noon.AddDays(4));
        var verdict = await ledger.VerifyAsync();
        Assert.True(verdict.Holds, verdict.Says);
        Assert.StartsWith("4 days, 15 rows: the chain holds; 2026-02-18 is ", verdict.Says, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Devices_are_counted_at_the_end_of_each_hour_once_also_those_that_were_missed()
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon.AddMinutes(10));
        await ledger.AddDevicesAsync(_mine, 3);
        await ledger.AddDevicesAsync(null, 5);
        await ledger.KeepAsync();
        await ledger.KeepAtAsync(Noon.AddMinutes(59));
        Assert.Equal("", await ledger.BalanceAsync(_mine, "device_hours"));
        await ledger.KeepAtAsync(Noon.AddMinutes(60));
        await ledger.KeepAtAsync(Noon.AddMinutes(70));
        Assert.Equal("02-15 12 3 02-15", await ledger.RowsAsync(_mine, "device_hours"));

        await ledger.AddDevicesAsync(_mine, 1);
        await ledger.KeepAtAsync(Noon.AddHours(40));
        Assert.Equal($"{3 + (39 * 4)}", await ledger.BalanceAsync(_mine, "device_hours"));
        await ledger.KeepAtAsync(Noon.AddHours(20));
        await ledger.KeepAtAsync(Noon.AddHours(40));
        Assert.Equal($"{3 + (39 * 4)}", await ledger.BalanceAsync(_mine, "device_hours"));
        Assert.Equal("40", await ledger.ReadAsync("SELECT count(DISTINCT hour) FROM usage_hours WHERE meter = 'device_hours'"));
    }

    [Fact]
    public async Task Events_and_posters_at_once_lose_nothing_and_count_nothing_twice()
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon.AddHours(5));
        var tenants = Enumerable.Range(0, 5).Select(_ => Guid.CreateVersion7()).ToArray();
        using var done = new CancellationTokenSource();
        var posters = Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                await ledger.Poster.PostAsync(Cancellation);
            }
        })).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 6).Select(consumer => Task.Run(async () =>
        {
            for (var i = 0; i < 40; i++)
            {
                await ledger.CountAsync([.. tenants.Skip((consumer + i) % 5).Concat(tenants.Take((consumer + i) % 5))
                    .Select(tenant => new UsageEntry(tenant, Noon.AddMinutes(i % 90), 1, 2, 30))]);
            }
        })));
        await done.CancelAsync();
        await Task.WhenAll(posters);
        await ledger.Poster.PostAsync(Cancellation);
        Assert.Equal("0", await ledger.ReadAsync("SELECT count(*) FROM usage_pending"));
        foreach (var tenant in tenants)
        {
            Assert.Equal("240", await ledger.BalanceAsync(tenant, "messages"));
            Assert.Equal("7200", await ledger.BalanceAsync(tenant, "bytes_stored"));
            Assert.Equal("7200", await ledger.ReadAsync($"SELECT bytes FROM tenant_storage WHERE tenant_id = '{tenant}'"));
        }

        await ledger.KeepAtAsync(Noon.AddDays(1));
        Assert.True((await ledger.VerifyAsync()).Holds);
    }

    [Fact]
    public async Task A_step_that_fails_in_the_middle_leaves_nothing_and_is_done_the_next_time()
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon.AddDays(-20));
        await ledger.GivePlanAsync(_mine, Noon.AddDays(-20));
        await ledger.AddDevicesAsync(_mine, 1);
        await ledger.KeepAsync();
        await ledger.CountAsync(Used(Noon, 1));
        await ledger.ExecuteAsync("CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''in the middle''; END'");
        ledger.Clock.AdjustTime(Noon.AddDays(20));
        // Each with what it writes last.
        foreach (var (step, last) in new (Func<CancellationToken, Task> Step, string Last)[]
        {
            (ledger.Hours.CountAsync, "ledger_state"), (ledger.Poster.PostAsync, "ledger_state"), (ledger.Closer.CloseAsync, "ledger_state"),
            (ledger.Months.CloseAsync, "outbox"),
        })
        {
            // The day of posting is over, so that there is one to close.
            ledger.Clock.AdjustTime(ledger.Clock.GetUtcNow().AddDays(1));
            await ledger.ExecuteAsync($"CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON {last} FOR EACH ROW EXECUTE FUNCTION fail()");
            var before = await ledger.StateAsync();
            await Assert.ThrowsAsync<PostgresException>(() => step(Cancellation));
            Assert.Equal(before, await ledger.StateAsync());
            await ledger.ExecuteAsync($"DROP TRIGGER fail ON {last}");
            await step(Cancellation);
            Assert.NotEqual(before, await ledger.StateAsync());
        }

        Assert.Equal("1", await ledger.BalanceAsync(_mine, "messages"));
        Assert.Equal("1", await ledger.ReadAsync("SELECT count(*) FROM usage_ledger WHERE meter = 'messages'"));
        Assert.Equal("2026-01 true, 2026-02 true", await ledger.ReadAsync("SELECT string_agg(period || ' ' || final, ', ' ORDER BY period) FROM usage_snapshots"));
        Assert.True((await ledger.VerifyAsync()).Holds);
    }

    [Fact]
    public async Task A_day_whose_closing_was_logged_and_not_committed_is_closed_with_the_hash_that_was_logged()
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon);
        await ledger.CountAsync(Used(Noon.AddHours(-2), 1));
        await ledger.KeepAsync();
        await ledger.ExecuteAsync(
            """
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''at the commit''; END';
            CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON ledger_days DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()
            """);
        ledger.Clock.AdjustTime(Noon.AddHours(12).AddMinutes(5));
        await Assert.ThrowsAsync<PostgresException>(() => ledger.Closer.CloseAsync(Cancellation));
        await ledger.ExecuteAsync("DROP TRIGGER fail ON ledger_days");
        ledger.Clock.AdjustTime(Noon.AddHours(12).AddMinutes(6));
        await ledger.Closer.CloseAsync(Cancellation);
        var line = $"Ledger of 2026-02-15 is closed: 3 rows, {await ledger.ReadAsync("SELECT encode(hash, 'hex') FROM ledger_days")}";
        Assert.Equal([line, line], ledger.Closing.All.Select(one => one.Line));
    }

    [Fact]
    public async Task A_day_is_not_closed_while_another_instances_clock_may_still_be_in_it()
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon);
        await ledger.CountAsync(Used(Noon.AddHours(-2), 1));
        await ledger.KeepAsync();
        await ledger.KeepAtAsync(Noon.AddHours(12).AddMinutes(4));
        Assert.Equal("", await ledger.ReadAsync("SELECT max(day) FROM ledger_days"));
        await ledger.KeepAtAsync(Noon.AddHours(12).AddMinutes(5));
        Assert.Equal("2026-02-15", await ledger.ReadAsync("SELECT max(day) FROM ledger_days"));
    }

    [Theory]
    [InlineData("UPDATE usage_ledger SET amount = 0")]
    [InlineData("UPDATE usage_ledger SET amount = 0 WHERE seq = -1")]
    [InlineData("DELETE FROM usage_ledger")]
    [InlineData("TRUNCATE usage_ledger")]
    [InlineData("UPDATE ledger_days SET closed_at = now()")]
    [InlineData("DELETE FROM ledger_days")]
    [InlineData("TRUNCATE ledger_days")]
    public async Task What_is_posted_and_closed_nobody_changes_not_even_the_owner(string sql)
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon);
        foreach (var source in new[] { ledger.Owner, ledger.System })
        {
            await using var command = source.CreateCommand(sql);
            var refused = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancellation));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        }
    }

    [Fact]
    public async Task The_ledger_begins_with_what_was_counted_before_there_was_one()
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon.AddHours(3));
        await ledger.ExecuteAsync(
            $"""
            DROP TABLE usage_pending, usage_ledger, ledger_days, ledger_state, usage_snapshots, reconciliations CASCADE;
            DROP FUNCTION refuse_change;
            ALTER TABLE tenant_plans DROP COLUMN since;
            DELETE FROM schema_migrations WHERE scriptname = '0004_ledger.sql';
            INSERT INTO usage_minutes VALUES ('{_mine}', '2026-02-15T12:10Z', 5, 4, 400), ('{_mine}', '2026-02-15T12:59Z', 1, 0, 0), ('{_mine}', '2026-02-15T13:00Z', 10, 10, 1000);
            """);
        await BillingHost.Migrations.ApplyAsync(ledger.OwnerConnection, Cancellation);
        await ledger.KeepAsync();
        Assert.Equal("02-15 12 6 02-15, 02-15 13 10 02-15", await ledger.RowsAsync(_mine, "messages"));
        Assert.Equal("02-15 12 4 02-15, 02-15 13 10 02-15", await ledger.RowsAsync(_mine, "readings"));
        Assert.Equal("02-15 12 400 02-15, 02-15 13 1000 02-15", await ledger.RowsAsync(_mine, "bytes_stored"));
    }

    private UsageEntry Used(DateTimeOffset at, long messages) => new(_mine, at, messages, messages, messages * 10);
}
