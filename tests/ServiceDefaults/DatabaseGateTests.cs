using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.ServiceDefaults.Tests;

/// <summary>When a service starts, and when it refuses to.</summary>
public sealed class DatabaseGateTests(SampleService sample)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("notifier_owner", "owns tables")]
    [InlineData("notifier_system", "bypasses row-level security")]
    public async Task A_role_that_would_see_every_tenant_is_refused(string role, string reason)
    {
        await using var app = sample.Build(settings => settings["ConnectionStrings:Database"] = sample.Database.For(role));
        var refusal = await Assert.ThrowsAnyAsync<Exception>(() => app.StartAsync(Cancellation));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_superuser_is_refused()
    {
        await using var app = sample.Build(settings => settings["ConnectionStrings:DatabaseSystem"] = sample.Database.ForSuperuser());
        Assert.Contains("is a superuser", (await Assert.ThrowsAnyAsync<Exception>(() => app.StartAsync(Cancellation))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ConnectionStrings:Database")]
    [InlineData("ConnectionStrings:RabbitMq")]
    [InlineData("InternalIdentity:Key")]
    public async Task A_missing_setting_is_named(string key)
    {
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await using var app = sample.Build(settings => settings[key] = null);
            await app.StartAsync(Cancellation);
        });
        Assert.Contains(key.Split(':')[^1], failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_waits_for_its_migrations_which_several_may_apply_at_once()
    {
        await using var database = await TestDatabase.CreateAsync(TestServers.Platform, "notifier_owner");
        await using var app = sample.Build(settings =>
        {
            settings["ConnectionStrings:Database"] = database.For("notifier_app");
            settings["ConnectionStrings:DatabaseSystem"] = database.For("notifier_system");
        });
        var starting = app.StartAsync(Cancellation);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => SampleService.Migrations.ApplyAsync(database.For("notifier_owner"), Cancellation))));
        await starting;
        await using var source = NpgsqlDataSource.Create(database.For("notifier_app"));
        // Each of the three once: the common one, and the sample's two.
        await using var count = source.CreateCommand("SELECT count(*) FROM schema_migrations");
        Assert.Equal(3L, await count.ExecuteScalarAsync(Cancellation));
    }

    [Fact]
    public async Task Ready_turns_to_503_while_the_database_is_away_and_back()
    {
        await using var database = await TestDatabase.CreateAsync(TestServers.Platform, "notifier_owner");
        await SampleService.Migrations.ApplyAsync(database.For("notifier_owner"), Cancellation);
        await using var app = sample.Build(settings =>
        {
            settings["ConnectionStrings:Database"] = database.For("notifier_app");
            settings["ConnectionStrings:DatabaseSystem"] = database.For("notifier_system");
        });
        await app.StartAsync(Cancellation);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        foreach (var (reachable, status) in new[] { (true, 200), (false, 503), (true, 200) })
        {
            await database.SetReachableAsync(reachable);
            await Eventually.TrueAsync(async () => (int)(await client.GetAsync("/health/ready", Cancellation)).StatusCode == status);
        }
    }
}
