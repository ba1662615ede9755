using System.Text.Json;

namespace EasySmart.Identity.Tests;

public sealed class SuperAdminTests
{
    private const string Email = "admin@easysmart.example";

    [Fact]
    public async Task Two_hosts_at_once_make_one_and_a_third_changes_nothing()
    {
        await using var database = await IdentityHost.MigratedDatabaseAsync();
        await using var first = Host(database, Email, "F1rst-password");
        await using var second = Host(database, Email, "F1rst-password");
        await Task.WhenAll(
            Task.Run(async () => await first.InitializeAsync(), TestContext.Current.CancellationToken),
            Task.Run(async () => await second.InitializeAsync(), TestContext.Current.CancellationToken));
        Assert.Equal(1, await Sql.CountAsync(database.ForSuperuser(), "users WHERE role = 'super_admin'"));
        Assert.Equal(1, await Sql.CountAsync(database.ForSuperuser(), "outbox WHERE body ->> 'EventType' = 'auth.super_admin_created'"));

        await using var third = Host(database, "other@easysmart.example", "An0ther-password");
        await third.InitializeAsync();
        Assert.Equal(1, await Sql.CountAsync(database.ForSuperuser(), "users"));
        Assert.Equal(401, (int)(await new Person(third) { Email = "other@easysmart.example" }.LoginAsync("An0ther-password")).StatusCode);

        var session = await Person.OkAsync(await new Person(third) { Email = Email }.LoginAsync("F1rst-password"));
        Assert.Equal("super_admin", session.GetProperty("user").GetProperty("role").GetString());
        Assert.Equal(JsonValueKind.Null, session.GetProperty("user").GetProperty("tenant_id").ValueKind);
        var (_, claims) = await AccessTokenTests.VerifiedAsync(third, session.GetProperty("access_token").GetString()!);
        Assert.False(claims.TryGetProperty("tenant_id", out _));
        Assert.Equal(14, AccessTokenTests.Permissions(claims).Distinct().Count());
        await Person.OkAsync(await new Person(third).RefreshAsync(session));
    }

    [Fact]
    public async Task Whoever_registers_first_is_not_it()
    {
        await using var host = IdentityHost.Beside();
        await host.InitializeAsync();
        var (person, session) = await Person.RegisteredAsync(host);
        Assert.Equal("tenant_admin", session.GetProperty("user").GetProperty("role").GetString());

        // Nor when the configuration names that address later.
        await using var later = Host(host.Database, person.Email, "F1rst-password");
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await later.InitializeAsync());
        Assert.Contains("Identity:SuperAdmin:Email", failure.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await Sql.CountAsync(host.Database.ForSuperuser(), "users WHERE role = 'super_admin'"));
    }

    private static IdentityHost Host(EasySmart.Hosting.TestDatabase database, string email, string password) =>
        IdentityHost.Beside(database, ("Identity:SuperAdmin:Email", email), ("Identity:SuperAdmin:Password", password));
}
