using EasySmart.Hosting;
using EasySmart.Ingestion.Rejected;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>Refusals are forgotten in time. On a database of its own, whose clock the test moves.</summary>
public sealed class RejectionCleanerTests
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2030, 1, 31, 12, 0, 0, TimeSpan.Zero));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_older_than_it_is_kept_is_deleted_every_day_in_steps_and_nothing_else()
    {
        await using var database = await IngestionHost.MigratedDatabaseAsync();
        await using var system = NpgsqlDataSource.Create(database.For("ingestion_system"));
        await FillAsync(system, "2030-01-01 11:59", 2 * RejectionCleaner.Step + 1);
        await FillAsync(system, "2030-01-01 12:00", 3);
        await ExecuteAsync(system, "INSERT INTO error_notices VALUES (gen_random_uuid(), 'bad_json', '2030-01-30 11:59Z'), (gen_random_uuid(), 'bad_json', '2030-01-30 12:01Z')");
        using var cleaner = Cleaner(system);
        await cleaner.StartAsync(Cancellation);
        await Eventually.TrueAsync(async () => await LeftAsync(system) == "3 1");
        _clock.Advance(TimeSpan.FromHours(23));
        await FillAsync(system, "2029-12-31 00:00", 1);
        _clock.Advance(TimeSpan.FromHours(1));
        await Eventually.TrueAsync(async () => await LeftAsync(system) == "0 0");
        await cleaner.StopAsync(Cancellation);
    }

    [Fact]
    public async Task One_instance_at_a_time()
    {
        await using var database = await IngestionHost.MigratedDatabaseAsync();
        await using var system = NpgsqlDataSource.Create(database.For("ingestion_system"));
        await FillAsync(system, "2029-01-01 12:00", 5);
        using var cleaner = Cleaner(system);
        await using (var other = await system.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await other.BeginTransactionAsync(Cancellation);
            await using var take = new NpgsqlCommand($"SELECT pg_advisory_xact_lock({RejectionCleaner.Lock})", other, transaction);
            await take.ExecuteNonQueryAsync(Cancellation);
            Assert.Equal(0, await cleaner.CleanAsync(Cancellation));
            Assert.Equal("5 0", await LeftAsync(system));
        }

        Assert.Equal(5, await cleaner.CleanAsync(Cancellation));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("3651")]
    public async Task Days_that_make_no_sense_are_refused_by_their_name(string days)
    {
        await using var host = new ScriptedHost { Special = { ["Ingestion:RejectionDays"] = days } };
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await host.InitializeAsync());
        Assert.Contains("Ingestion:RejectionDays must be 1 to 3650", failure.ToString(), StringComparison.Ordinal);
    }

    private RejectionCleaner Cleaner(NpgsqlDataSource system) =>
        new(system, Options.Create(new IngestionOptions()), _clock, NullLogger<RejectionCleaner>.Instance);

    private static Task FillAsync(NpgsqlDataSource system, string minute, int count) => ExecuteAsync(
        system,
        $"""
        INSERT INTO rejections (tenant_id, device_id, reason, minute, count, sample, topic, last_at)
        SELECT gen_random_uuid(), gen_random_uuid(), 'bad_json', '{minute}Z', 1, '', 'topic', '{minute}Z' FROM generate_series(1, {count})
        """);

    private static async Task<string> LeftAsync(NpgsqlDataSource system)
    {
        await using var command = system.CreateCommand("SELECT (SELECT count(*) FROM rejections) || ' ' || (SELECT count(*) FROM error_notices)");
        return (string)(await command.ExecuteScalarAsync(Cancellation))!;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancellation);
    }
}
