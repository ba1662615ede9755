using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

public sealed class RefreshTests(IdentityHost host)
{
    private static readonly string[] Fields = ["access_token", "refresh_token", "expires_in"];

    [Fact]
    public async Task Rotates_within_one_family()
    {
        var (person, first) = await Person.RegisteredAsync(host);
        var second = await Person.OkAsync(await person.RefreshAsync(first));
        Assert.Equal(Fields, second.EnumerateObject().Select(f => f.Name));
        var third = await Person.OkAsync(await person.RefreshAsync(second));
        Assert.NotEqual(first.GetProperty("access_token").GetString(), third.GetProperty("access_token").GetString());

        var rows = await Sql.RowsAsync(
            host.Database.ForSuperuser(),
            $"SELECT t.* FROM refresh_tokens t JOIN users u ON u.id = t.user_id WHERE u.email = '{person.Email}' ORDER BY t.created_at");
        Assert.Equal(3, rows.Count);
        Assert.Single(rows.Select(r => r["family_id"]).Distinct());
        Assert.Equal([true, true, false], rows.Select(r => r["used_at"] is not null));
        Assert.All(rows, r => Assert.Equal(TimeSpan.FromDays(30), (DateTime)r["expires_at"]! - (DateTime)r["created_at"]!));
    }

    [Fact]
    public async Task A_spent_token_is_401_and_audited()
    {
        var (person, tokens) = await Person.RegisteredAsync(host);
        await Person.OkAsync(await person.RefreshAsync(tokens));
        await Envelope.AssertAsync(await person.RefreshAsync(tokens), 401, "unauthorized");
        await person.AuditedAsync("auth.refresh", "success");
        var record = await person.AuditedAsync("auth.refresh_reused", "failed");
        Assert.Equal("warning", record["severity"]);
    }

    [Fact]
    public async Task Of_twenty_at_once_one_wins()
    {
        var (person, tokens) = await Person.RegisteredAsync(host);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => person.RefreshAsync(tokens)));
        var winner = Assert.Single(answers, a => (int)a.StatusCode == 200);
        foreach (var other in answers.Except([winner]))
        {
            await Envelope.AssertAsync(other, 401, "unauthorized");
        }

        Assert.Equal(2, await Sql.CountAsync(
            host.Database.ForSuperuser(), $"refresh_tokens t JOIN users u ON u.id = t.user_id WHERE u.email = '{person.Email}'"));
    }

    [Theory]
    [InlineData("expires_at = now()")]
    [InlineData("revoked_at = now()")]
    public async Task An_expired_or_revoked_token_is_401(string change)
    {
        var (person, tokens) = await Person.RegisteredAsync(host);
        await Sql.RunAsync(
            host.Database.ForSuperuser(),
            $"UPDATE refresh_tokens SET {change} WHERE user_id = (SELECT id FROM users WHERE email = '{person.Email}')");
        await Envelope.AssertAsync(await person.RefreshAsync(tokens), 401, "unauthorized");
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("a\0b")]
    public async Task An_unknown_token_is_401(string token) => await Envelope.AssertAsync(
        await new Person(host).PostAsync("/auth/refresh", new { refresh_token = token }), 401, "unauthorized");

    [Fact]
    public async Task A_missing_token_is_400()
    {
        var envelope = await Envelope.AssertAsync(await new Person(host).PostAsync("/auth/refresh", new { }), 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty("refresh_token", out _));
    }

    [Fact]
    public async Task Expired_tokens_are_forgotten_at_the_next_login()
    {
        var (person, _) = await Person.RegisteredAsync(host);
        var mine = $"WHERE user_id = (SELECT id FROM users WHERE email = '{person.Email}')";
        await Sql.RunAsync(host.Database.ForSuperuser(), $"UPDATE refresh_tokens SET expires_at = now() {mine}");
        await Person.OkAsync(await person.LoginAsync());
        Assert.Equal(1, await Sql.CountAsync(host.Database.ForSuperuser(), $"refresh_tokens {mine}"));
    }
}
