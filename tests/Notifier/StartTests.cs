using EasySmart.Hosting;

namespace EasySmart.Notifier.Tests;

/// <summary>When the service starts, when it refuses to, and what it says while its database is away.</summary>
public sealed class StartTests(NotifierHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ConnectionStrings:Database")]
    [InlineData("ConnectionStrings:DatabaseSystem")]
    [InlineData("ConnectionStrings:RabbitMq")]
    [InlineData("InternalIdentity:Key")]
    public async Task A_missing_setting_is_named(string key)
    {
        await using var beside = NotifierHost.Beside(host.Database, (key, null));
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await beside.InitializeAsync());
        Assert.Contains($"{key} is not configured", failure.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ConnectionStrings:Database", "notifier_owner", "owns tables")]
    [InlineData("ConnectionStrings:Database", "notifier_system", "bypasses row-level security")]
    [InlineData("ConnectionStrings:DatabaseSystem", "notifier_owner", "owns tables")]
    public async Task A_role_that_would_see_every_tenant_is_refused(string key, string role, string reason)
    {
        await using var beside = NotifierHost.Beside(host.Database, (key, host.Database.For(role)));
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await beside.InitializeAsync());
        Assert.Contains(reason, failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_the_database_is_away_it_is_not_ready()
    {
        await using var database = await TestDatabase.CreateAsync(TestServers.Platform, "notifier_owner");
        await NotifierHost.Migrations.ApplyAsync(database.For("notifier_owner"), Cancellation);
        await using var beside = NotifierHost.Beside(database);
        await beside.InitializeAsync();
        foreach (var (reachable, status) in new[] { (true, 200), (false, 503), (true, 200) })
        {
            await database.SetReachableAsync(reachable);
            await Eventually.TrueAsync(async () =>
            {
                using var answer = await beside.Direct().GetAsync("/health/ready", Cancellation);
                return (int)answer.StatusCode == status;
            });
        }
    }
}
