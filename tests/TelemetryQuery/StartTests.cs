using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>When the service starts, when it refuses to, and what it says while its database is away.</summary>
public sealed class StartTests(QueryHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ConnectionStrings:Database")]
    [InlineData("InternalIdentity:Key")]
    public async Task A_missing_setting_is_named(string key)
    {
        await using var changed = new ChangedHost(host.Settings.Where(setting => setting.Key != key));
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await changed.InitializeAsync());
        Assert.Contains($"{key} is not configured", failure.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("telemetry_owner", "owns tables")]
    [InlineData("ingestion_system", "bypasses row-level security")]
    public async Task A_role_that_would_see_every_tenant_is_refused(string role, string reason)
    {
        await using var changed = With(host.Database.For(role));
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await changed.InitializeAsync());
        Assert.Contains(reason, failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_waits_for_ingestions_migrations_and_is_not_ready_while_the_database_is_away()
    {
        await using var database = await TestDatabase.CreateAsync(TestServers.Telemetry, "telemetry_owner");
        await using var changed = With(database.For("telemetry_query"));
        var starting = Task.Run(async () => await changed.InitializeAsync(), Cancellation);
        await using (var source = NpgsqlDataSource.Create(database.ForSuperuser()))
        {
            await using var asked = source.CreateCommand(
                $"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database.Name}' AND query LIKE '%tenant.devices LIMIT 0%' AND pid <> pg_backend_pid()");
            await Eventually.TrueAsync(async () => await asked.ExecuteScalarAsync(Cancellation) is > 0L);
            Assert.False(starting.IsCompleted);
        }

        await QueryHost.Migrations.ApplyAsync(database.For("telemetry_owner"), Cancellation);
        await starting;
        foreach (var (reachable, status) in new[] { (true, 200), (false, 503), (true, 200) })
        {
            await database.SetReachableAsync(reachable);
            await Eventually.TrueAsync(async () =>
            {
                using var answer = await changed.Direct().GetAsync("/health/ready", Cancellation);
                return (int)answer.StatusCode == status;
            });
        }
    }

    [Fact]
    public async Task A_question_while_the_database_is_away_is_503()
    {
        await using var database = await TestDatabase.CreateAsync(TestServers.Telemetry, "telemetry_owner");
        await QueryHost.Migrations.ApplyAsync(database.For("telemetry_owner"), Cancellation);
        await using var changed = With(database.For("telemetry_query"));
        await changed.InitializeAsync();
        await database.SetReachableAsync(false);
        var client = changed.As(Guid.CreateVersion7(), permissions: "telemetry:read");
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await client.GetAsync("/telemetry/slots?device_label=press", Cancellation);
            await Envelope.AssertAsync(answer, 503, "service_unavailable");
            return true;
        });
        // Said before the stream begins; one that has begun goes on and looks later.
        await Envelope.AssertAsync(await client.GetAsync("/telemetry/stream", Cancellation), 503, "service_unavailable");
    }

    private ChangedHost With(string connectionString) =>
        new(new Dictionary<string, string?>(host.Settings) { ["ConnectionStrings:Database"] = connectionString });
}
