using System.Diagnostics.Metrics;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Passwords;

namespace EasySmart.Identity.Tests;

public sealed class PasswordTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Corr3ct-horse", true)]
    [InlineData("Aa1!aaaa", true)]
    [InlineData("Aa1!aaa", false)]
    [InlineData("corr3ct-horse", false)]
    [InlineData("CORR3CT-HORSE", false)]
    [InlineData("Correct-horse", false)]
    [InlineData("Corr3cthorse", false)]
    [InlineData("Çörr3ct horse", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void The_rule_is_the_contracts(string? password, bool accepted) => Assert.Equal(accepted, PasswordRule.Accepts(password));

    [Fact]
    public void Characters_are_counted_not_code_units()
    {
        Assert.True(PasswordRule.Accepts("Aa1" + string.Concat(Enumerable.Repeat("🔑", 125))));
        Assert.False(PasswordRule.Accepts("Aa1" + string.Concat(Enumerable.Repeat("🔑", 126))));
        Assert.False(PasswordRule.Accepts("Aa1🔑🔑🔑🔑"));
    }

    [Fact]
    public void Generated_ones_pass_and_differ()
    {
        var passwords = Enumerable.Range(0, 100).Select(_ => PasswordRule.Generate()).ToList();
        Assert.All(passwords, p => Assert.True(PasswordRule.Accepts(p)));
        Assert.Equal(100, passwords.Distinct().Count());
    }

    [Fact]
    public async Task A_hash_verifies_with_the_parameters_it_carries()
    {
        using var hasher = new PasswordHasher(new Meters());
        var stored = await hasher.HashAsync("Corr3ct-horse", Cancellation);
        Assert.NotEqual(stored, await hasher.HashAsync("Corr3ct-horse", Cancellation));
        Assert.Equal(new PasswordCheck(true), await hasher.CheckAsync(stored, "Corr3ct-horse", Cancellation));
        foreach (var (hash, password) in new[] { (stored, "corr3ct-horse"), (null, "Corr3ct-horse"), ("what is this", "Corr3ct-horse"), ("$2a$99$x", "x") })
        {
            Assert.Equal(new PasswordCheck(false), await hasher.CheckAsync(hash, password, Cancellation));
        }

        Assert.True(PasswordHash.TryRead(stored, out var read));
        Assert.Equal(stored, read.ToString());
    }

    [Theory]
    [InlineData("8L2o7R7rY0I", "ana@example.com")]
    public async Task A_hash_that_another_implementation_made_verifies(string password, string salt)
    {
        // The reference implementation: echo -n 8L2o7R7rY0I | argon2 ana@example.com -id -t 2 -k 64 -p 1 -l 32 -e
        using var hasher = new PasswordHasher(new Meters());
        const string Reference = "$argon2id$v=19$m=64,t=2,p=1$YW5hQGV4YW1wbGUuY29t$QdUB01+N3pScrJJeSs8z4s5YuaivNXkxH+L+p/7pExg";
        Assert.True(PasswordHash.TryRead(Reference, out var read));
        Assert.Equal((new Argon2Cost(64, 2, 1), salt), (read.Cost, System.Text.Encoding.ASCII.GetString(read.Salt)));
        var check = await hasher.CheckAsync(Reference, password, Cancellation);
        Assert.True(check.IsRight);
        // Those parameters are not today's: the next login stores it anew.
        Assert.Equal(new PasswordCheck(true), await hasher.CheckAsync(check.Upgrade, password, Cancellation));
    }

    [Theory]
    [InlineData("$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "a")]
    [InlineData("$2b$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "a")]
    public async Task A_bcrypt_hash_of_the_earlier_backend_verifies_and_is_upgraded(string stored, string password)
    {
        using var hasher = new PasswordHasher(new Meters());
        var check = await hasher.CheckAsync(stored, password, Cancellation);
        Assert.True(check.IsRight);
        Assert.StartsWith("$argon2id$", check.Upgrade, StringComparison.Ordinal);
        Assert.Equal(new PasswordCheck(false), await hasher.CheckAsync(stored, password + "b", Cancellation));
    }

    [Theory]
    [InlineData("ana@example.com", "ana@example.com")]
    [InlineData(" Ana.Maria+x@Plant-7.Example.COM ", "ana.maria+x@plant-7.example.com")]
    [InlineData("a@b", null)]
    [InlineData("ana", null)]
    [InlineData("@example.com", null)]
    [InlineData("ana@", null)]
    [InlineData("ana@@example.com", null)]
    [InlineData("a na@example.com", null)]
    [InlineData(".ana@example.com", null)]
    [InlineData("ana.@example.com", null)]
    [InlineData("a..na@example.com", null)]
    [InlineData("ana@-example.com", null)]
    [InlineData("ana@example..com", null)]
    [InlineData("ana@example.com\nx", null)]
    [InlineData("ana@example.123", null)]
    [InlineData("аna@example.com", null)] // Cyrillic а
    [InlineData("\u212A@example.com", null)] // the Kelvin sign, whose lower case is k
    public void Addresses_are_read_into_one_form(string text, string? address)
    {
        Assert.Equal(address is not null, EmailAddress.TryRead(text, out var read));
        Assert.Equal(address, read);
    }

    [Fact]
    public void An_address_has_its_limits()
    {
        Assert.True(EmailAddress.TryRead(new string('a', 64) + "@example.com", out _));
        Assert.False(EmailAddress.TryRead(new string('a', 65) + "@example.com", out _));
        Assert.False(EmailAddress.TryRead("a@" + string.Concat(Enumerable.Repeat("abcdefghi.", 26)) + "com", out _));
    }

    private sealed class Meters : IMeterFactory
    {
        public Meter Create(MeterOptions options) => new(options);

        public void Dispose()
        {
        }
    }
}
