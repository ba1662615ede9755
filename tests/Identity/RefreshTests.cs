using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

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
            $"SELECT t.* FROM refresh_tokens t {person.Owns} ORDER BY t.created_at");
        Assert.Equal(3, rows.Count);
        Assert.Single(rows.Select(r => r["session_id"]).Distinct());
        Assert.Equal([true, true, false], rows.Select(r => r["used_at"] is not null));
        Assert.All(rows, r => Assert.Equal(TimeSpan.FromDays(30), (DateTime)r["expires_at"]! - (DateTime)r["created_at"]!));
    }

    [Fact]
    public async Task A_second_use_is_401_ends_the_session_and_is_audited()
    {
        var (person, tokens) = await Person.RegisteredAsync(host);
        var successor = await Person.OkAsync(await person.RefreshAsync(tokens));
        await Envelope.AssertAsync(await person.RefreshAsync(tokens), 401, "unauthorized");
        // Whoever of the two was the thief: both are out.
        await Envelope.AssertAsync(await person.RefreshAsync(successor), 401, "unauthorized");
        await person.AuditedAsync("auth.refresh", "success");
        var record = await person.AuditedAsync("auth.refresh_reused", "failed");
        Assert.Equal("warning", record["severity"]);
        Assert.Equal(1, await Sql.CountAsync(
            host.Database.ForSuperuser(), $"revocations r JOIN sessions s ON s.id = r.subject_id {person.OwnsSession} AND kind = 'session'"));

        // The other login of the same person goes on.
        var other = await Person.OkAsync(await person.LoginAsync());
        await Person.OkAsync(await person.RefreshAsync(other));
    }

    [Fact]
    public async Task Of_twenty_at_once_one_wins_and_the_rest_end_the_session()
    {
        var (person, tokens) = await Person.RegisteredAsync(host);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => person.RefreshAsync(tokens)));
        var winner = Assert.Single(answers, a => (int)a.StatusCode == 200);
        foreach (var other in answers.Except([winner]))
        {
            await Envelope.AssertAsync(other, 401, "unauthorized");
        }

        Assert.Equal(2, await Sql.CountAsync(host.Database.ForSuperuser(), $"refresh_tokens t {person.Owns}"));
        await Envelope.AssertAsync(await person.RefreshAsync(await Person.OkAsync(winner)), 401, "unauthorized");
    }

    [Fact]
    public async Task A_retry_with_the_same_key_gets_the_same_successor()
    {
        var (person, tokens) = await Person.RegisteredAsync(host);
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => person.RefreshAsync(tokens, "key-1")));
        var successors = await Task.WhenAll(answers.Select(Person.OkAsync));
        Assert.Single(successors.Select(s => s.GetProperty("refresh_token").GetString()).Distinct());
        Assert.Equal(2, await Sql.CountAsync(host.Database.ForSuperuser(), $"refresh_tokens t {person.Owns}"));
        await Person.OkAsync(await person.RefreshAsync(successors[0]));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("key-2")]
    public async Task A_retry_with_another_key_or_none_is_reuse(string? key)
    {
        var (person, tokens) = await Person.RegisteredAsync(host);
        var successor = await Person.OkAsync(await person.RefreshAsync(tokens, "key-1"));
        await Envelope.AssertAsync(await person.RefreshAsync(tokens, key), 401, "unauthorized");
        await Envelope.AssertAsync(await person.RefreshAsync(successor), 401, "unauthorized");
    }

    [Theory]
    [InlineData("UPDATE refresh_tokens t SET used_at = used_at - interval '10 seconds' FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = t.session_id AND u.email = '{0}'")]
    [InlineData("UPDATE refresh_tokens t SET used_at = now() FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = t.session_id AND used_at IS NULL AND u.email = '{0}'")]
    public async Task A_retry_that_comes_late_or_after_the_successor_was_used_is_reuse(string meanwhile)
    {
        var (person, tokens) = await Person.RegisteredAsync(host);
        var successor = await Person.OkAsync(await person.RefreshAsync(tokens, "key-1"));
        await Sql.RunAsync(host.Database.ForSuperuser(), string.Format(System.Globalization.CultureInfo.InvariantCulture, meanwhile, person.Email));
        await Envelope.AssertAsync(await person.RefreshAsync(tokens, "key-1"), 401, "unauthorized");
        await Envelope.AssertAsync(await person.RefreshAsync(successor), 401, "unauthorized");
    }

    [Theory]
    [InlineData("refresh_tokens t SET expires_at = now() FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = t.session_id")]
    [InlineData("sessions s SET ended_at = now() FROM users u WHERE u.id = s.user_id")]
    [InlineData("sessions s SET expires_at = now() FROM users u WHERE u.id = s.user_id")]
    public async Task An_expired_or_ended_session_is_401(string change)
    {
        var (person, tokens) = await Person.RegisteredAsync(host);
        await Sql.RunAsync(host.Database.ForSuperuser(), $"UPDATE {change} AND u.email = '{person.Email}'");
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
    public async Task What_expired_is_forgotten()
    {
        var (person, _) = await Person.RegisteredAsync(host);
        await Person.OkAsync(await person.LoginAsync());
        await Sql.RunAsync(
            host.Database.ForSuperuser(),
            $"UPDATE sessions SET expires_at = now() WHERE id = (SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = '{person.Email}' LIMIT 1)");
        await host.Services.GetServices<IHostedService>().OfType<Cleaner>().Single().CleanAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, await Sql.CountAsync(host.Database.ForSuperuser(), $"refresh_tokens t {person.Owns}"));
    }
}
