using EasySmart.Contracts.Quotas;
using FsCheck;
using FsCheck.Fluent;

namespace EasySmart.BillingQuota.Tests;

/// <summary>Which steps of a quota are told of, and when again.</summary>
public sealed class QuotaLevelTests
{
    [Theory]
    [InlineData(0, 799, 1000, 0)]
    [InlineData(0, 800, 1000, 80)]
    [InlineData(0, 1000, 1000, 100)]
    [InlineData(80, 750, 1000, 80)]
    [InlineData(80, 749, 1000, 0)]
    [InlineData(100, 950, 1000, 100)]
    [InlineData(100, 949, 1000, 80)]
    [InlineData(100, 750, 1000, 80)]
    [InlineData(100, 749, 1000, 0)]
    [InlineData(100, 5000, 0, 0)]
    [InlineData(0, 1, 1, 100)]
    [InlineData(0, 0, 1, 0)]
    [InlineData(0, -5, 10, 0)]
    [InlineData(0, long.MaxValue, long.MaxValue, 100)]
    [InlineData(0, long.MaxValue / 10 * 7, long.MaxValue, 0)]
    public void The_bounds_are_exact(int level, long used, long max, int expected) => Assert.Equal(expected, QuotaLevel.Next(level, used, max));

    /// <summary>Against the rule as it is said: each step by itself, told when reached, and again only after use was 5 points below.</summary>
    [Fact]
    public void Each_step_is_told_once_until_use_was_five_points_below_it()
    {
        var steps = Gen.Choose(0, 130).ArrayOf(60).ToArbitrary();
        var quotas = Gen.Choose(1, 7).Select(max => max == 7 ? 1_000_000_000L : max * 13L).ToArbitrary();
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(1000), Prop.ForAll(steps, quotas, (percents, max) =>
        {
            var told = new Dictionary<int, bool> { [80] = false, [100] = false };
            var level = 0;
            foreach (var percent in percents)
            {
                var used = max * percent / 100;
                var reached = new List<int>();
                foreach (var step in told.Keys.ToArray())
                {
                    if (!told[step] && used * 100 >= max * step)
                    {
                        told[step] = true;
                        reached.Add(step);
                    }
                    else if (used * 100 < max * (step - 5))
                    {
                        told[step] = false;
                    }
                }

                var next = QuotaLevel.Next(level, used, max);
                Assert.Equal(told[100] ? 100 : told[80] ? 80 : 0, next);
                // A rise is what is told of, and of two steps at once the higher.
                Assert.Equal(reached.Count > 0 ? reached.Max() : null, next > level ? next : (int?)null);
                level = next;
            }
        }));
    }
}
