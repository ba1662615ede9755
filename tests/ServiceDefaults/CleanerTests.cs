using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EasySmart.ServiceDefaults.Tests;

/// <summary>Each table is cleaned for itself.</summary>
public sealed class CleanerTests(SampleService sample)
{
    private readonly Guid _event = Guid.NewGuid();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private NpgsqlDataSource Database => sample.App.Services.GetRequiredKeyedService<NpgsqlDataSource>(DataSources.System);

    [Fact]
    public async Task Inbox_entries_are_forgotten_after_30_days()
    {
        await ReceivedAsync("31 days ago", TimeSpan.FromDays(31));
        await ReceivedAsync("29 days ago", TimeSpan.FromDays(29));
        await sample.App.Services.GetServices<IHostedService>().OfType<Cleaner>().Single().CleanAsync(Cancellation);
        Assert.Equal(["29 days ago"], await RememberedAsync());
    }

    [Fact]
    public async Task A_statement_that_fails_is_told_of_and_does_not_keep_the_next_from_running()
    {
        await ReceivedAsync("now", TimeSpan.Zero);
        var heard = new HeardLines<Cleaner>();
        using var cleaner = new Cleaner(
            [
                new Outdated("DELETE FROM nowhere WHERE at < $1", TimeSpan.Zero),
                // No fault of the database's: there is no such time.
                new Outdated("DELETE FROM inbox WHERE received_at < $1", TimeSpan.MaxValue),
                new Outdated($"DELETE FROM inbox WHERE received_at <= $1 AND event_id = '{_event}'", TimeSpan.Zero),
            ],
            Database,
            TimeProvider.System,
            heard);
        await cleaner.CleanAsync(Cancellation);
        Assert.Empty(await RememberedAsync());
        Assert.Equal([LogLevel.Warning, LogLevel.Warning], heard.All.Select(line => line.Level));
        Assert.Contains("relation \"nowhere\" does not exist", heard.All.First().Line, StringComparison.Ordinal);
    }

    private async Task ReceivedAsync(string consumer, TimeSpan ago)
    {
        await using var insert = Database.CreateCommand("INSERT INTO inbox VALUES ($1, $2, $3)");
        insert.Parameters.AddRange(
            new NpgsqlParameter[] { new() { Value = _event }, new() { Value = consumer }, new() { Value = DateTimeOffset.UtcNow - ago } });
        await insert.ExecuteNonQueryAsync(Cancellation);
    }

    private async Task<string[]> RememberedAsync()
    {
        await using var select = Database.CreateCommand("SELECT array(SELECT consumer FROM inbox WHERE event_id = $1)");
        select.Parameters.Add(new() { Value = _event });
        return (string[])(await select.ExecuteScalarAsync(Cancellation))!;
    }
}
