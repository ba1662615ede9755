using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Identity.Tests;

/// <summary>What is under way while a password is reset must not leave a session behind.</summary>
public sealed class ResetRaceTests(IdentityHost host)
{
    [Fact]
    public async Task A_login_that_checked_the_old_password_fails() => await DuringResetAsync((person, _) => person.LoginAsync());

    [Fact]
    public async Task A_refresh_with_a_token_that_is_being_revoked_fails() => await DuringResetAsync((person, tokens) => person.RefreshAsync(tokens));

    private async Task DuringResetAsync(Func<Person, System.Text.Json.JsonElement, Task<HttpResponseMessage>> act)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var (person, tokens) = await Person.RegisteredAsync(host);
        await using var source = NpgsqlDataSource.Create(host.Database.For("identity_system"));
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var reset = await connection.BeginTransactionAsync(cancellation);

        // As the command does it, stopped before its commit.
        await RunAsync($"UPDATE users SET password_hash = '' WHERE email = '{person.Email}'");
        await RunAsync($"UPDATE sessions SET ended_at = now() WHERE user_id = (SELECT id FROM users WHERE email = '{person.Email}')");
        var acting = act(person, tokens);
        await Eventually.TrueAsync(async () => await Sql.CountAsync(
            host.Database.ForSuperuser(), $"pg_stat_activity WHERE {connection.ProcessID} = ANY(pg_blocking_pids(pid))") > 0);
        await reset.CommitAsync(cancellation);

        await Envelope.AssertAsync(await acting, 401, "unauthorized");
        Assert.Equal(0, await Sql.CountAsync(
            host.Database.ForSuperuser(), $"sessions s JOIN users u ON u.id = s.user_id WHERE u.email = '{person.Email}' AND ended_at IS NULL"));

        async Task RunAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection, reset);
            await command.ExecuteNonQueryAsync(cancellation);
        }
    }
}
