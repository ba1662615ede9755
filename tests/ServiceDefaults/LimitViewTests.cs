using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.ServiceDefaults.Tests;

/// <summary>What a limit that is told of says by its numbers.</summary>
public sealed class LimitViewTests
{
    [Theory]
    [InlineData(5, "0", null, "0 5 0 ok")]
    [InlineData(5, "5", null, "5 0 100 warning")]
    [InlineData(5, "5", "blocked", "5 0 100 blocked")]
    [InlineData(2, "3", "overage", "3 0 150 overage")]
    [InlineData(10, "7.9999996", null, "8 2 79.9 ok")]
    [InlineData(10, "8", null, "8 2 80 warning")]
    [InlineData(6, "5", null, "5 1 83.3 warning")]
    [InlineData(1000, "290", null, "290 710 29 ok")]
    [InlineData(long.MaxValue, "9223372036854775807", "blocked", "9.223372036854776E+18 0 100 blocked")]
    [InlineData(0, "3.0004", "blocked", "3   unlimited")]
    [InlineData(0, null, null, "   unlimited")]
    [InlineData(360, null, null, "   ok")]
    public void What_remains_the_share_and_the_state_follow_from_the_numbers(long max, string? used, string? reached, string expected)
    {
        var exact = used is null ? (decimal?)null : decimal.Parse(used, System.Globalization.CultureInfo.InvariantCulture);
        var told = LimitView.Of("storage_mb", "tenant", max, exact, "MB", "It is refused.", reached);
        Assert.Equal(expected, FormattableString.Invariant($"{told.Used} {told.Remaining} {told.Percent} {told.State}"));
        Assert.Equal((max, "It is refused.", 0, null), (told.Max, told.AtLimit, told.WindowSeconds, told.ResetsAt));
    }
}
