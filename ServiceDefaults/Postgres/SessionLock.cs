using System.Data;
using Npgsql;

namespace EasySmart.ServiceDefaults.Postgres;

/// <summary>An advisory lock of a connection's session, for work of many transactions that one instance at a time is to do. Given back when it is disposed of, or with the connection.</summary>
public sealed class SessionLock : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly long _id;

    private SessionLock(NpgsqlConnection connection, long id) => (_connection, _id) = (connection, id);

    /// <summary>Takes it; null while another session holds it.</summary>
    /// <param name="connection">Holds it from here on.</param>
    /// <param name="id">Any constant: advisory locks are per database.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<SessionLock?> TryTakeAsync(NpgsqlConnection connection, long id, CancellationToken cancellation)
    {
        await using var take = new NpgsqlCommand($"SELECT pg_try_advisory_lock({id})", connection);
        return await take.ExecuteScalarAsync(cancellation) is true ? new SessionLock(connection, id) : null;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // A connection in the pool would keep it. One that is broken has lost it.
        if (_connection.State == ConnectionState.Open)
        {
            await using var release = new NpgsqlCommand($"SELECT pg_advisory_unlock({_id})", _connection);
            await release.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }
}
