using System.Buffers.Binary;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace EasySmart.ServiceDefaults.Idempotency;

/// <summary>What was found under a key.</summary>
/// <param name="Locked">Whether the key is this transaction's now; if not, another request is working on it.</param>
/// <param name="Fingerprint">Of the request that was answered; null when none was.</param>
/// <param name="Answer">The answer, sealed.</param>
internal sealed record FoundKey(bool Locked, byte[]? Fingerprint, byte[]? Answer);

/// <summary>The table <c>idempotency_keys</c>, within the transaction that <paramref name="database"/> is in.</summary>
/// <param name="database">The context's.</param>
/// <param name="tenant">The tenant that the request works in; null on the platform's own behalf.</param>
/// <param name="id">The row's name.</param>
internal sealed class IdempotencyKeys(DatabaseFacade database, Guid? tenant, byte[] id)
{
    private readonly NpgsqlConnection _connection = (NpgsqlConnection)database.GetDbConnection();
    private readonly NpgsqlTransaction _transaction = (NpgsqlTransaction)database.CurrentTransaction!.GetDbTransaction();

    /// <summary>
    /// Locks the key until the transaction ends, however it ends, and reads its row. The lock is an advisory one that is tried and not
    /// waited for: requests that repeat one another tie up no connections.
    /// </summary>
    public async Task<FoundKey> FindAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch(_connection, _transaction);
        // Row-level security looks at the tenant; the second statement sees what the lock's last holder committed.
        batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT set_config('app.tenant_id', $1, true), pg_try_advisory_xact_lock($2)")
        {
            Parameters = { new() { Value = tenant?.ToString() ?? "" }, new() { Value = BinaryPrimitives.ReadInt64BigEndian(id) } },
        });
        batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT fingerprint, answer FROM idempotency_keys WHERE id = $1 AND expires_at > $2")
        {
            Parameters = { new() { Value = id }, new() { Value = now } },
        });
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        var locked = reader.GetBoolean(1);
        await reader.NextResultAsync(cancellation);
        return await reader.ReadAsync(cancellation)
            ? new FoundKey(locked, reader.GetFieldValue<byte[]>(0), reader.GetFieldValue<byte[]>(1))
            : new FoundKey(locked, null, null);
    }

    /// <summary>Keeps the answer, in the place of an expired one if there is one.</summary>
    public async Task KeepAsync(byte[] fingerprint, byte[] answer, DateTimeOffset until, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO idempotency_keys (id, tenant_id, fingerprint, answer, expires_at) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, answer = excluded.answer, expires_at = excluded.expires_at
            """,
            _connection,
            _transaction);
        foreach (var value in (object[])[id, tenant ?? (object)DBNull.Value, fingerprint, answer, until])
        {
            command.Parameters.Add(new() { Value = value });
        }

        await command.ExecuteNonQueryAsync(cancellation);
    }
}
