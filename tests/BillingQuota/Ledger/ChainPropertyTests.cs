using EasySmart.BillingQuota.Ledger;
using FsCheck;
using FsCheck.Fluent;

namespace EasySmart.BillingQuota.Tests.Ledger;

/// <summary>A ledger as it was written holds, and with any one thing in it changed, removed, put in or moved it does not.</summary>
public sealed class ChainPropertyTests
{
    private static readonly DateTime Begin = new(2026, 1, 30, 0, 0, 0, DateTimeKind.Utc);
    private static readonly Guid[] Tenants = [Guid.CreateVersion7(), Guid.CreateVersion7()];

    // Days of some rows, the last of them not closed.
    private static readonly Gen<Written> Ledgers =
        from counts in Gen.ListOf(Gen.Choose(0, 4)).Where(counts => counts.Count > 0)
        from rows in Gen.ListOf(Row(), counts.Sum())
        select Write([.. counts], [.. rows]);

    [Fact]
    public void What_was_written_holds() => Prop.ForAll(Arb.From(Ledgers), written =>
    {
        var verdict = Check(written);
        return verdict.Holds ? true : throw new InvalidOperationException(verdict.Says);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_single_change_removal_insertion_or_move_is_found() => Prop.ForAll(
        Arb.From(from written in Ledgers from change in Gen.Choose(0, int.MaxValue - 1) select (written, change)),
        one =>
        {
            var wrong = Tampered(one.written).ToList();
            if (wrong.Count == 0)
            {
                return;
            }

            var (what, tampered) = wrong[one.change % wrong.Count];
            if (Check(tampered) is { Holds: true } verdict)
            {
                throw new InvalidOperationException($"{what}: {verdict.Says}");
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));

    private static Gen<(int Tenant, int Hour, int Meter, long Amount, int Micros)> Row() =>
        from tenant in Gen.Choose(0, 1)
        from hour in Gen.Choose(-50, 50)
        from meter in Gen.Choose(0, 7)
        from amount in Gen.Choose(-1000, 1_000_000)
        from micros in Gen.Choose(0, 999_999)
        select (tenant, hour, meter, (long)amount, micros);

    private static Written Write(int[] counts, (int Tenant, int Hour, int Meter, long Amount, int Micros)[] given)
    {
        var (rows, days) = (new List<LedgerRow>(), new List<LedgerDay>());
        for (var day = 0; day < counts.Length; day++)
        {
            var date = DateOnly.FromDateTime(Begin).AddDays(day);
            using var hash = new DayHash(days.Count == 0 ? DayHash.Origin : days[^1].Hash);
            var first = rows.Count + 1;
            foreach (var row in given.Skip(rows.Count).Take(counts[day]).ToArray())
            {
                var meter = BillingQuota.Usage.Meters.All[row.Meter];
                rows.Add(new LedgerRow(rows.Count + 1, Tenants[row.Tenant], Begin.AddHours(row.Hour), meter, row.Amount, Begin.AddDays(day).AddMicroseconds(row.Micros), date));
                hash.Add(rows[^1]);
            }

            if (day < counts.Length - 1)
            {
                days.Add(hash.Close(date, first));
            }
        }

        return new Written(rows, days, new LedgerEnd(rows.Count, days.LastOrDefault()?.Day, days.LastOrDefault()?.Hash));
    }

    private static Verdict Check(Written written) =>
        LedgerProof.CheckAsync(written.Days, written.Rows.ToAsyncEnumerable(), written.End, CancellationToken.None).GetAwaiter().GetResult();

    /// <summary>Every single thing that can be done to it.</summary>
    private static IEnumerable<(string What, Written Tampered)> Tampered(Written w)
    {
        var closed = w.Days.Count == 0 ? 0 : w.Days[^1].LastSeq;
        for (var i = 0; i < w.Rows.Count; i++)
        {
            var row = w.Rows[i];
            yield return ($"row {row.Seq} removed", w with { Rows = [.. w.Rows.Where(r => r != row)] });
            yield return ($"row {row.Seq} twice", w with { Rows = [.. w.Rows[..(i + 1)], row, .. w.Rows[(i + 1)..]] });
            yield return ($"row put in before {row.Seq}", w with { Rows = [.. w.Rows[..i], row with { Amount = 7 }, .. w.Rows[i..]] });
            yield return ($"row {row.Seq} into another place", w with { Rows = [.. w.Rows[..i], row with { Seq = w.Rows.Count + 5 }, .. w.Rows[(i + 1)..]] });
            if (i + 1 < w.Rows.Count)
            {
                yield return ($"rows {row.Seq} and the next swapped", w with { Rows = [.. w.Rows[..i], w.Rows[i + 1], row, .. w.Rows[(i + 2)..]] });
                if (i + 1 < closed && Unlike(row, w.Rows[i + 1]))
                {
                    yield return ($"what rows {row.Seq} and the next say swapped", w with { Rows = [.. w.Rows[..i], w.Rows[i + 1] with { Seq = row.Seq }, row with { Seq = row.Seq + 1 }, .. w.Rows[(i + 2)..]] });
                }
            }

            // What an open row says is proven when its day is closed.
            if (row.Seq <= closed)
            {
                foreach (var changed in new[]
                {
                    row with { Amount = row.Amount + 1 }, row with { Amount = -row.Amount - 1 }, row with { TenantId = Guid.Empty }, row with { Hour = row.Hour.AddHours(1) },
                    row with { Meter = row.Meter + "s" }, row with { PostedAt = row.PostedAt.AddMicroseconds(1) }, row with { Day = row.Day.AddDays(1) }, row with { Day = row.Day.AddDays(-1) },
                })
                {
                    yield return ($"{row} is {changed}", w with { Rows = [.. w.Rows[..i], changed, .. w.Rows[(i + 1)..]] });
                }
            }
        }

        for (var i = 0; i < w.Days.Count; i++)
        {
            var day = w.Days[i];
            yield return ($"{day} removed", w with { Days = [.. w.Days.Where(d => d != day)] });
            yield return ($"{day} twice", w with { Days = [.. w.Days[..(i + 1)], day, .. w.Days[(i + 1)..]] });
            yield return ($"a day after {day}", w with { Days = [.. w.Days[..(i + 1)], day with { Day = day.Day.AddDays(1), FirstSeq = day.LastSeq + 1, LastSeq = day.LastSeq, Rows = 0, PreviousHash = day.Hash }, .. w.Days[(i + 1)..]] });
            if (i + 1 < w.Days.Count)
            {
                yield return ($"{day} and the next swapped", w with { Days = [.. w.Days[..i], w.Days[i + 1], day, .. w.Days[(i + 2)..]] });
            }

            foreach (var changed in new[]
            {
                day with { Day = day.Day.AddDays(1) }, day with { Day = day.Day.AddDays(-1) }, day with { Rows = day.Rows + 1 }, day with { FirstSeq = day.FirstSeq + 1 },
                day with { LastSeq = day.LastSeq + 1 }, day with { LastSeq = day.LastSeq - 1 }, day with { Rows = day.Rows + 1, LastSeq = day.LastSeq + 1 },
                day with { PreviousHash = Flip(day.PreviousHash) }, day with { Hash = Flip(day.Hash) },
            })
            {
                yield return ($"{day} is {changed}", w with { Days = [.. w.Days[..i], changed, .. w.Days[(i + 1)..]] });
            }
        }
    }

    private static bool Unlike(LedgerRow one, LedgerRow other) => one with { Seq = 0 } != other with { Seq = 0 };

    private static byte[] Flip(byte[] hash) => [(byte)(hash[0] ^ 1), .. hash[1..]];

    private sealed record Written(List<LedgerRow> Rows, List<LedgerDay> Days, LedgerEnd End);
}
