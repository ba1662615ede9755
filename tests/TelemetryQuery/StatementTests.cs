using EasySmart.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>How long one statement may take, and that nothing goes on in the database for somebody who left.</summary>
public sealed class StatementTests(QueryHost shared)
{
    private readonly string _mark = Guid.NewGuid().ToString("N");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_statement_that_takes_too_long_is_504_and_says_what_to_do()
    {
        await using var host = await LimitedHost.StartAsync(shared, ("StatementSeconds", "1"));
        var envelope = await Envelope.AssertAsync(
            await host.Reader(Guid.CreateVersion7()).GetAsync($"/__sleep/{_mark}", Cancellation), 504, "gateway_timeout");
        Assert.Contains("ask for a shorter range or a larger bucket", envelope.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.False(await IsRunningAsync(_mark));
    }

    [Fact]
    public async Task A_query_of_a_client_that_left_is_ended_in_the_database()
    {
        await using var host = await LimitedHost.StartAsync(shared, ("StatementSeconds", "120"));
        using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var call = host.Reader(Guid.CreateVersion7()).GetAsync($"/__sleep/{_mark}", impatient.Token);
        await Eventually.TrueAsync(() => IsRunningAsync(_mark));
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Eventually.TrueAsync(async () => !await IsRunningAsync(_mark));
    }

    [Theory]
    [InlineData("/telemetry/latest?slot=1")]
    [InlineData("/telemetry/slots?x=1")]
    public async Task The_service_s_own_queries_end_so_too(string path)
    {
        // A database of its own: the lock would hold up everybody's.
        await using var database = await TestDatabase.CreateAsync(TestServers.Telemetry, "telemetry_owner");
        await QueryHost.Migrations.ApplyAsync(database.For("telemetry_owner"), Cancellation);
        await using var host = new ChangedHost(new Dictionary<string, string?>(shared.Settings)
        {
            ["ConnectionStrings:Database"] = database.For("telemetry_query"),
            ["QueryLimits:StatementSeconds"] = "120",
        });
        await host.InitializeAsync();
        await using var source = NpgsqlDataSource.Create(database.ForSuperuser());
        await using var connection = await source.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTransactionAsync(Cancellation);
        await using (var take = new NpgsqlCommand("LOCK TABLE public.devices IN ACCESS EXCLUSIVE MODE", connection, transaction))
        {
            await take.ExecuteNonQueryAsync(Cancellation);
        }

        await using var waiting = source.CreateCommand(
            $"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database.Name}' AND usename = 'telemetry_query' AND wait_event_type = 'Lock'");
        using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var call = host.As(Guid.CreateVersion7(), permissions: "telemetry:read").GetAsync($"{path}&device_label=press", impatient.Token);
        await Eventually.TrueAsync(async () => await waiting.ExecuteScalarAsync(Cancellation) is 1L);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Eventually.TrueAsync(async () => await waiting.ExecuteScalarAsync(Cancellation) is 0L);
    }

    [Theory]
    [InlineData("statement_timeout", "10s")]
    [InlineData("max_parallel_workers_per_gather", "0")]
    public async Task Every_connection_has_it_from_the_start(string setting, string value)
    {
        await using var command = shared.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand($"SHOW {setting}");
        Assert.Equal(value, await command.ExecuteScalarAsync(Cancellation));
    }

    private async Task<bool> IsRunningAsync(string mark)
    {
        await using var source = NpgsqlDataSource.Create(shared.Database.ForSuperuser());
        await using var command = source.CreateCommand(
            $"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%{mark}%' AND pid <> pg_backend_pid()");
        return await command.ExecuteScalarAsync(Cancellation) is > 0L;
    }
}
