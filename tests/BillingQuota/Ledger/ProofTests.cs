namespace EasySmart.BillingQuota.Tests.Ledger;

/// <summary>What the owner of the database changes behind the service's back is found by <c>verify</c>.</summary>
public sealed class ProofTests
{
    private static readonly DateTimeOffset Begin = new(2026, 2, 15, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("SELECT", "2 days, 6 rows: the chain holds; 2026-02-16 is")]
    [InlineData("UPDATE usage_ledger SET amount = amount + 1 WHERE seq = 2", "2026-02-15: one of its rows 1 to 3, or what is kept of the day, was changed")]
    [InlineData("UPDATE usage_ledger SET tenant_id = gen_random_uuid() WHERE seq = 5", "2026-02-16: one of its rows 4 to 6, or what is kept of the day, was changed")]
    [InlineData("UPDATE usage_ledger SET day = day + 1 WHERE seq = 3", "2026-02-15: row 3 was changed: it says 2026-02-16")]
    [InlineData("DELETE FROM usage_ledger WHERE seq = 2", "2026-02-15: row 2 is missing")]
    [InlineData("DELETE FROM usage_ledger WHERE seq = 6", "2026-02-16: row 6 is missing")]
    [InlineData("DELETE FROM usage_ledger WHERE seq = 7", "not closed yet: row 7 is missing")]
    [InlineData("DELETE FROM usage_ledger WHERE seq = 9", "not closed yet: 8 is the last row, and 9 was posted last")]
    [InlineData("INSERT INTO usage_ledger SELECT 10, tenant_id, hour, meter, amount, posted_at, day FROM usage_ledger WHERE seq = 2", "2026-02-15: row 10 was added after the day was closed")]
    [InlineData("INSERT INTO usage_ledger SELECT 10, tenant_id, hour, meter, amount, posted_at, day FROM usage_ledger WHERE seq = 9", "not closed yet: 10 is the last row, and 9 was posted last")]
    [InlineData("INSERT INTO usage_ledger SELECT -1, tenant_id, hour, meter, amount, posted_at, day FROM usage_ledger WHERE seq = 2", "2026-02-15: row -1 was added")]
    [InlineData("DELETE FROM ledger_days WHERE day = '2026-02-15'", "2026-02-16: it does not follow the hash of the day before")]
    [InlineData("DELETE FROM ledger_days WHERE day = '2026-02-16'", "2026-02-15 is the last day, and 2026-02-16 was closed last, with ")]
    [InlineData("UPDATE ledger_days SET hash = sha256('x') WHERE day = '2026-02-16'", "2026-02-16: one of its rows 4 to 6, or what is kept of the day, was changed")]
    [InlineData("UPDATE ledger_days SET previous_hash = sha256('x') WHERE day = '2026-02-16'", "2026-02-16: it does not follow the hash of the day before")]
    [InlineData("UPDATE ledger_days SET rows = 4 WHERE day = '2026-02-16'", "2026-02-16: what is kept of the day (its number of rows, the first or the last) was changed")]
    public async Task The_first_day_that_is_wrong_is_named_and_why(string sql, string says)
    {
        await using var ledger = await OwnLedger.BeginAsync(Begin);
        foreach (var day in new[] { 0, 1, 2 })
        {
            await ledger.CountAsync(new Contracts.Ingestion.UsageEntry(Guid.CreateVersion7(), Begin.AddDays(day), 1, 2, 3));
            await ledger.KeepAtAsync(Begin.AddDays(day).AddHours(2));
        }

        await ledger.ExecuteAsync("ALTER TABLE usage_ledger DISABLE TRIGGER append_only; ALTER TABLE ledger_days DISABLE TRIGGER append_only");
        await ledger.ExecuteAsync(sql);
        var verdict = await ledger.VerifyAsync();
        Assert.Equal((sql == "SELECT", true), (verdict.Holds, verdict.Says.StartsWith(says, StringComparison.Ordinal) ? true : throw new InvalidOperationException(verdict.Says)));
    }
}
