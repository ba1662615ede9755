using EasySmart.DeviceProvisioning.Devices;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Hashes of the earlier system.</summary>
public sealed class BcryptTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("right", true)]
    [InlineData("Right", false)]
    [InlineData("", false)]
    public async Task Only_the_text_that_it_was_made_of_matches(string text, bool matches)
    {
        using var checks = new BcryptChecks();
        Assert.Equal(matches, await checks.IsRightAsync(BCrypt.Net.BCrypt.HashPassword("right", 4), text, Cancellation));
    }

    [Theory]
    [InlineData("")]
    [InlineData("plain")]
    [InlineData("$2a$04$tooshort")]
    public async Task What_is_no_hash_matches_nothing(string hash)
    {
        using var checks = new BcryptChecks();
        // More often than there are places: each is given back.
        for (var n = 0; n < 6; n++)
        {
            Assert.False(await checks.IsRightAsync(hash, "plain", Cancellation));
        }
    }

    [Fact]
    public async Task Who_gives_up_while_waiting_takes_no_place()
    {
        using var checks = new BcryptChecks();
        var hash = BCrypt.Net.BCrypt.HashPassword("right", 4);
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        for (var n = 0; n < 6; n++)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => checks.IsRightAsync(hash, "right", gone.Token));
        }

        Assert.All(await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => checks.IsRightAsync(hash, "right", Cancellation))), Assert.True);
    }
}
