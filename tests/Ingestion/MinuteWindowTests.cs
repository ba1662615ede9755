using EasySmart.Contracts.Quotas;
using EasySmart.Ingestion.Quotas;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.Ingestion.Tests;

/// <summary>The window of a device's messages against plain models, over generated times, quotas and commits.</summary>
public sealed class MinuteWindowTests
{
    private const long Second = 1_000_000;
    private const long Start = 29_519_280L * 60 * Second;
    private static readonly Outages s_none = new(Options.Create(new IngestionOptions()), new FakeTimeProvider());
    private static readonly Config Cases = Config.QuickThrowOnFailure.WithMaxTest(500);

    [Fact]
    public void No_window_takes_more_than_its_quota_whatever_the_clock_does()
    {
        // Mostly on, now and then a little back, once in a while far away; and the quota changes meanwhile.
        var step = Gen.Frequency((12, Gen.Choose(0, 3)), (3, Gen.Choose(-5, 0)), (2, Gen.Choose(20, 90)), (1, Gen.Choose(-7200, 7200)));
        var quota = Gen.Frequency((8, Gen.Choose(1, 12)), (1, Gen.Constant(0)));
        var sent = from seconds in step from max in quota select (Seconds: seconds, Max: max);
        Check.One(Cases, Prop.ForAll(Arb.From(from all in Gen.ListOf(sent, 120) from max in quota from stays in Gen.Elements(true, false) select (All: all, Max: max, Stays: stays)), run =>
        {
            var (window, now, minute, count) = (new MinuteWindow(), Start, 0L, 0L);
            foreach (var (seconds, changed) in run.All)
            {
                now += seconds * Second;
                var max = run.Stays ? run.Max : changed;
                if (now / (60 * Second) is var current && (current > minute || current < minute - 1))
                {
                    (minute, count) = (current, 0);
                }

                var fits = max == 0 || count < max;
                count += fits ? 1 : 0;
                Assert.Equal((minute, count), window.Take(now, max, s_none, out var taken));
                Assert.Equal(fits, taken);
            }
        }));
    }

    [Fact]
    public void Late_messages_are_never_more_than_the_quota_allowed_since_the_window_began()
    {
        var step = from minutes in Gen.Frequency((9, Gen.Constant(0)), (2, Gen.Choose(-3, 90)), (1, Gen.Choose(0, 50_000))) from count in Gen.Choose(0, 40_000) select (minutes, count);
        Check.One(Cases.WithMaxTest(300), Prop.ForAll(Arb.From(from quota in Gen.Elements(1, 2, 3, 7) from steps in Gen.ListOf(step, 30) select (Quota: quota, Steps: steps)), run =>
        {
            var (backlog, now, earliest, latest, taken) = (new Backlog(), Start, Start, Start, 0L);
            foreach (var (minutes, count) in run.Steps)
            {
                now += minutes * 60 * Second;
                (earliest, latest) = (Math.Min(earliest, now), Math.Max(latest, now));
                var free = Backlog.Most(run.Quota) - backlog.At(now, run.Quota).Used;
                var more = Enumerable.Range(0, count).LongCount(_ => backlog.TryTake(now, run.Quota, out var _));
                Assert.Equal(Math.Min(count, Math.Max(0, free)), more);
                // One more in a year of a quota that does not divide a minute.
                Assert.True((taken += more) <= 1 + 43_200 * run.Quota + run.Quota * ((latest - earliest) / (60 * Second)));
            }
        }));
    }

    [Fact]
    public void Instances_together_go_beyond_the_quota_by_no_more_than_is_promised()
    {
        // An instance takes a message, or commits what it has taken; a second passes.
        var step = from instance in Gen.Choose(0, 2) from what in Gen.Frequency((6, Gen.Constant('t')), (3, Gen.Constant('c')), (1, Gen.Constant('s'))) select (instance, what);
        Check.One(Cases, Prop.ForAll(Arb.From(from max in Gen.Choose(1, 200) from steps in Gen.ListOf(step, 1200) select (Max: max, Steps: steps)), run =>
        {
            var windows = new[] { new MinuteWindow(), new MinuteWindow(), new MinuteWindow() };
            var (hand, table, total, mostInHand, now) = (new int[3], 0L, 0L, 0, Start);
            foreach (var (i, what) in run.Steps)
            {
                if (what == 's')
                {
                    now += Second / 40;
                }
                else if (what == 't')
                {
                    windows[i].Take(now, run.Max, s_none, out var taken);
                    hand[i] += taken ? 1 : 0;
                    total += taken ? 1 : 0;
                    mostInHand = Math.Max(mostInHand, hand[i]);
                }
                else if (hand[i] > 0)
                {
                    var minute = now / (60 * Second);
                    if (windows[i].Due(minute, hand[i], 0, now, run.Max) is { } due)
                    {
                        table += due.Taken;
                        windows[i].Written(new MinuteRow(minute, table, 0, QuotaLevel.Next(QuotaLevel.None, table, run.Max)), due, now);
                    }
                    else
                    {
                        windows[i].Committed(minute, hand[i], 0);
                    }

                    hand[i] = 0;
                }
            }

            // What each but one keeps from the table, and has in hand.
            Assert.InRange(total, 0, run.Max + 2 * (run.Max / MinuteWindow.Share + mostInHand));
        }));
    }

    [Fact]
    public void What_the_table_tells_counts_as_if_it_were_ours()
    {
        var (window, minute) = (new MinuteWindow(), Start / (60 * Second));
        window.Resume(new MinuteRow(minute, 3, 1, 0));
        Assert.Equal((minute, 4), window.Take(Start, 5, s_none, out var taken));
        Assert.True(taken);
        var due = window.Due(minute, 1, 0, Start, 5);
        Assert.NotNull(due);
        Assert.Equal((1, 0), due.Value);
        // Another has taken two more.
        window.Written(new MinuteRow(minute, 6, 1, 100), due.Value, Start);
        Assert.Equal((minute, 6), window.Take(Start, 5, s_none, out taken));
        Assert.False(taken);
        Assert.Equal((6, 2), window.At(Start, null));
        Assert.Equal((7, 4), window.At(Start, new MinuteRow(minute, 7, 3, 100)));
        Assert.Equal((0, 0), window.At(Start + 60 * Second, new MinuteRow(minute, 7, 3, 100)));
    }

    [Fact]
    public void One_that_is_taken_back_leaves_its_place()
    {
        var window = new MinuteWindow();
        var (minute, _) = window.Take(Start, 1, s_none, out _);
        window.GiveBack(minute);
        Assert.Equal((minute, 1), window.Take(Start, 1, s_none, out var taken));
        Assert.True(taken);
        window.GiveBack(minute - 1);
        window.Take(Start, 1, s_none, out taken);
        Assert.False(taken);
    }
}
