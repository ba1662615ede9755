using EasySmart.Hosting;

namespace EasySmart.BillingQuota.Tests;

/// <summary>When the service starts, when it refuses to, and what it says while its database is away.</summary>
public sealed class StartTests(BillingHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ConnectionStrings:Database")]
    [InlineData("ConnectionStrings:DatabaseSystem")]
    [InlineData("ConnectionStrings:RabbitMq")]
    [InlineData("Internal:ServiceKey")]
    [InlineData("InternalIdentity:Key")]
    public async Task A_missing_setting_is_named(string key)
    {
        await using var beside = BillingHost.Beside(host.Database, (key, null));
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await beside.InitializeAsync());
        Assert.Contains($"{key} is not configured", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_key_that_can_be_guessed_is_refused_and_not_repeated()
    {
        await using var beside = BillingHost.Beside(host.Database, ("Internal:ServiceKey", "too-short"));
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await beside.InitializeAsync());
        Assert.Contains("Internal:ServiceKey is shorter than 32 characters", failure.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("too-short", failure.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ConnectionStrings:Database", "billing_owner", "owns tables")]
    [InlineData("ConnectionStrings:Database", "billing_system", "bypasses row-level security")]
    [InlineData("ConnectionStrings:DatabaseSystem", "billing_owner", "owns tables")]
    public async Task A_role_that_would_see_every_tenant_is_refused(string key, string role, string reason)
    {
        await using var beside = BillingHost.Beside(host.Database, (key, host.Database.For(role)));
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await beside.InitializeAsync());
        Assert.Contains(reason, failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_the_database_is_away_it_is_not_ready_and_answers_503()
    {
        await using var database = await TestDatabase.CreateAsync(TestServers.Platform, "billing_owner");
        await BillingHost.Migrations.ApplyAsync(database.For("billing_owner"), Cancellation);
        await using var beside = BillingHost.Beside(database);
        await beside.InitializeAsync();
        foreach (var (reachable, ready, answer) in new[] { (true, 200, 404), (false, 503, 503), (true, 200, 404) })
        {
            await database.SetReachableAsync(reachable);
            await Eventually.TrueAsync(async () => await StatusAsync(beside.Direct(), "/health/ready") == ready);
            await Eventually.TrueAsync(async () => await StatusAsync(beside.SuperAdmin(), $"/tenants/{Guid.CreateVersion7()}/quotas") == answer);
        }
    }

    private static async Task<int> StatusAsync(HttpClient client, string path)
    {
        using var answer = await client.GetAsync(path, Cancellation);
        return (int)answer.StatusCode;
    }
}
