using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>Until it is disposed of, a commit of readings that is begun does not come to its end.</summary>
internal sealed class HeldCommits : IAsyncDisposable
{
    private readonly IngestionHost _host;
    private readonly NpgsqlDataSource _superuser;
    private NpgsqlTransaction? _transaction;

    private HeldCommits(IngestionHost host) => (_host, _superuser) = (host, NpgsqlDataSource.Create(host.Database.ForSuperuser()));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<HeldCommits> BeginAsync(IngestionHost host)
    {
        var held = new HeldCommits(host);
        var connection = await held._superuser.OpenConnectionAsync(Cancellation);
        held._transaction = await connection.BeginTransactionAsync(Cancellation);
        await using var command = new NpgsqlCommand("LOCK TABLE latest IN EXCLUSIVE MODE", connection, held._transaction);
        await command.ExecuteNonQueryAsync(Cancellation);
        return held;
    }

    /// <summary>Returns when a commit is held.</summary>
    public Task ReachedAsync() => Eventually.TrueAsync(async () => await _host.ScalarAsync<long>(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'latest'::regclass") > 0);

    public async ValueTask DisposeAsync()
    {
        await _transaction!.DisposeAsync();
        await _superuser.DisposeAsync();
    }
}
