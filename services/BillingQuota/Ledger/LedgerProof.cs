using System.Globalization;

namespace EasySmart.BillingQuota.Ledger;

/// <summary>
/// Proves the chain: every day follows the one before and holds the rows that it was closed with, and what is not closed yet has no gap.
/// What an open row says is proven from its day's closing on.
/// </summary>
internal static class LedgerProof
{
    /// <summary>Checks everything, and says what is wrong first.</summary>
    /// <param name="days">Every closed day, in the order of the days.</param>
    /// <param name="rows">Every row, in the order of <c>seq</c>.</param>
    /// <param name="end">Where both end.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<Verdict> CheckAsync(
        IReadOnlyList<LedgerDay> days, IAsyncEnumerable<LedgerRow> rows, LedgerEnd end, CancellationToken cancellation)
    {
        await using var reader = rows.GetAsyncEnumerator(cancellation);
        var (seen, more) = (0L, await reader.MoveNextAsync());
        LedgerDay? before = null;
        foreach (var day in days)
        {
            if (Misplaced(day, before, seen) is { } misplaced)
            {
                return Wrong(misplaced);
            }

            using var hash = new DayHash(day.PreviousHash);
            for (; more && reader.Current.Seq <= day.LastSeq; more = await reader.MoveNextAsync())
            {
                if (Misplaced(reader.Current, seen, day.Day) is { } row)
                {
                    return Wrong($"{On(day.Day)}: {row}");
                }

                hash.Add(reader.Current);
                seen++;
            }

            if (seen < day.LastSeq)
            {
                return Wrong($"{On(day.Day)}: row {Number(seen + 1)} is missing");
            }

            if (!hash.Close(day.Day, day.FirstSeq).Hash.AsSpan().SequenceEqual(day.Hash))
            {
                return Wrong($"{On(day.Day)}: one of its rows {Number(day.FirstSeq)} to {Number(day.LastSeq)}, or what is kept of the day, was changed");
            }

            before = day;
        }

        if (before?.Day != end.ClosedDay || !(before?.Hash ?? []).AsSpan().SequenceEqual(end.ClosedHash ?? []))
        {
            return Wrong($"{On(before?.Day)} is the last day, and {On(end.ClosedDay)} was closed last, with {Hex(end.ClosedHash)}");
        }

        var open = 0L;
        for (DateOnly? last = null; more; more = await reader.MoveNextAsync(), open++, seen++)
        {
            if (reader.Current.Day <= before?.Day)
            {
                return Wrong($"{On(reader.Current.Day)}: row {Number(reader.Current.Seq)} was added after the day was closed");
            }

            if (Misplaced(reader.Current, seen, last > reader.Current.Day ? last.Value : reader.Current.Day) is { } row)
            {
                return Wrong($"not closed yet: {row}");
            }

            last = reader.Current.Day;
        }

        return seen == end.LastSeq
            ? new Verdict(true, Says(days.Count, seen, open, before))
            : Wrong($"not closed yet: {Number(seen)} is the last row, and {Number(end.LastSeq)} was posted last");
    }

    private static string? Misplaced(LedgerDay day, LedgerDay? before, long seen) =>
        before is not null && day.Day != before.Day.AddDays(1)
            ? day.Day > before.Day ? $"{On(before.Day.AddDays(1))}: the day is missing" : $"{On(day.Day)}: the day is not in its place"
        : !day.PreviousHash.AsSpan().SequenceEqual(before?.Hash ?? DayHash.Origin)
            ? $"{On(day.Day)}: it does not follow the hash of the day before, {(before is null ? "and is not the first of the chain" : Hex(before.Hash))}"
        : day.FirstSeq != seen + 1 || day.Rows != day.LastSeq - day.FirstSeq + 1
            ? $"{On(day.Day)}: what is kept of the day (its number of rows, the first or the last) was changed"
        : null;

    private static string? Misplaced(LedgerRow row, long seen, DateOnly day) =>
        row.Seq > seen + 1 ? $"row {Number(seen + 1)} is missing"
        : row.Seq <= seen ? $"row {Number(row.Seq)} was added"
        : row.Day != day ? $"row {Number(row.Seq)} was changed: it says {On(row.Day)}"
        : null;

    private static string Says(int days, long rows, long open, LedgerDay? last) =>
        (last is null ? $"{Number(days)} days, {Number(rows)} rows: no day is closed yet" : $"{Number(days)} days, {Number(rows - open)} rows: the chain holds; {On(last.Day)} is {Hex(last.Hash)}")
        + (open > 0 && last is not null ? $" ({Number(open)} rows are not closed yet)" : "");

    private static Verdict Wrong(string why) => new(false, why);

    private static string On(DateOnly? day) => day?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "no day";

    private static string Hex(byte[]? hash) => hash is null ? "no hash" : Convert.ToHexStringLower(hash);

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}

/// <summary>What came of a check.</summary>
/// <param name="Holds">Whether the ledger is as it was written.</param>
/// <param name="Says">In a sentence, with the newest hash, or with what is wrong first.</param>
internal sealed record Verdict(bool Holds, string Says);
