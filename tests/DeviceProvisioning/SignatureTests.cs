using System.Globalization;
using System.Text;
using EasySmart.DeviceProvisioning.Manufacturing;
using EasySmart.Hosting;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Exactly the signature of contract.md §1 passes, for any identity, time and key, and within 300 s of now.</summary>
public sealed class SignatureTests(DevicesHost host)
{
    private const string Identities = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";

    [Fact]
    public void Only_the_exact_signature_passes()
    {
        // A seed that a failure names, so that it can be run again.
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 500; round++)
        {
            var (current, other) = (Text(random, 32, 80), Text(random, 32, 80));
            var keys = new MasterKeys(Options.Create(new ManufacturingOptions { CurrentKey = "a", MasterKeys = new() { ["a"] = current, ["b"] = other } }));
            var identity = new string(random.GetItems<char>(Identities, random.Next(1, 16)));
            var text = $"{identity}:{Text(random, 20, 35)}";
            var own = Factory.Hmac(Factory.Hmac(current, identity), text);
            var told = $"seed {seed}, round {round}: {identity} {text} {current}";
            Assert.True(keys.IsSigned("a", identity, text, own), told);
            Assert.True(keys.IsSigned("A", identity, text, own), told);
            Assert.True(keys.IsSignedWithAny(identity, text, own), told);
            Assert.True(keys.IsSignedWithAny(identity, text, Factory.Hmac(Factory.Hmac(other, identity), text)), told);
            Assert.True(keys.IsSignedByMaster(text, Factory.Hmac(other, text)), told);

            Assert.All(
                [
                    own.ToUpperInvariant() is var upper && upper != own ? upper : "", "", own[..^1], own + "0", Changed(random, own), " " + own,
                    Factory.Hmac(current, text), Factory.Hmac(Factory.Hmac(other, identity), text), Factory.Hmac(Factory.Hmac(current, identity), text + ":rotate"),
                    Factory.Hmac(Factory.Hmac(current, Changed(random, identity)), text), Factory.Hmac(Factory.Hmac(current, identity).ToUpperInvariant(), text),
                ],
                wrong => Assert.False(keys.IsSigned("a", identity, text, wrong), $"{told}: {wrong}"));
            Assert.False(keys.IsSigned("a", identity, Changed(random, text), own), told);
            Assert.False(keys.IsSigned("b", identity, text, own), told);
            Assert.False(keys.IsSigned("c", identity, text, own), told);
            Assert.False(keys.IsSigned(null, identity, text, own), told);
            Assert.False(keys.IsSignedByMaster(text, own), told);
        }
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(300, true)]
    [InlineData(-300, true)]
    [InlineData(300.001, false)]
    [InlineData(-300.001, false)]
    public void The_clock_may_be_300_seconds_off(double seconds, bool passes)
    {
        var now = new DateTimeOffset(2026, 2, 15, 0, 0, 0, TimeSpan.Zero);
        Assert.Equal(passes, new SignedText("T", null, "T", "", now.AddSeconds(seconds), "").IsTimely(now));
    }

    [Theory]
    [InlineData("2026-02-15T00:00:00Z", "2026-02-15T00:00:00")]
    [InlineData("2026-02-15t00:00:00.5z", "2026-02-15T00:00:00.5")]
    [InlineData("2026-02-15T00:00:00.123456789Z", "2026-02-15T00:00:00.1234568")]
    [InlineData("2026-02-14T21:00:00-03:00", "2026-02-15T00:00:00")]
    public void Times_are_those_of_RFC_3339(string text, string utc)
    {
        Assert.True(SignedText.TryReadTime(text, out var at));
        Assert.Equal(DateTime.Parse(utc, CultureInfo.InvariantCulture), at.UtcDateTime);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("now")]
    [InlineData("12:00")]
    [InlineData("1771113600")]
    [InlineData("2026-02-15")]
    [InlineData("2026-02-15T00:00:00")]
    [InlineData("2026-02-15 00:00:00Z")]
    [InlineData("2026-02-30T00:00:00Z")]
    [InlineData("2026-02-15T00:00:00Z\n")]
    [InlineData("15/02/2026 00:00:00")]
    public async Task What_is_no_such_time_is_400(string? timestamp)
    {
        using var answer = await host.BootstrapAsync(new { hardware_id = "T", timestamp, signature = "x" });
        Assert.True((await Envelope.AssertAsync(answer, 400, "bad_request")).GetProperty("details").TryGetProperty("timestamp", out _));
    }

    [Fact]
    public void Codes_are_random_and_read_generously()
    {
        var codes = Enumerable.Range(0, 1000).Select(_ => ClaimCode.Make()).ToList();
        Assert.Equal(1000, codes.Distinct().Count());
        Assert.All(codes, code => Assert.Matches("^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$", code));
        var id = Guid.CreateVersion7();
        Assert.Equal(ClaimCode.Hash(id, "0110-ABCD-0000-1111"), ClaimCode.Hash(id, " oiLo abcd oooo llii"));
        Assert.NotEqual(ClaimCode.Hash(id, codes[0]), ClaimCode.Hash(id, codes[1]));
        Assert.NotEqual(ClaimCode.Hash(id, codes[0]), ClaimCode.Hash(Guid.CreateVersion7(), codes[0]));
    }

    private static string Text(Random random, int min, int max) =>
        Encoding.ASCII.GetString([.. Enumerable.Range(0, random.Next(min, max + 1)).Select(_ => (byte)random.Next('!', '~' + 1))]);

    private static string Changed(Random random, string text)
    {
        var at = random.Next(text.Length);
        return text[..at] + (text[at] == '0' ? '1' : '0') + text[(at + 1)..];
    }
}
