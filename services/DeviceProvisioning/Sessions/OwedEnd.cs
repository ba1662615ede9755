using EasySmart.DeviceProvisioning.Devices;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>A row of <c>session_ends</c> in the hands of the worker: see <see cref="SessionEnd"/>.</summary>
public sealed record OwedEnd(
    long Id, Guid Tenant, Guid? Device, Guid? Credential, string? ClientId, string? Label, bool Swept, int Failures)
{
    private const string Next =
        """
        SELECT id, tenant_id, device_id, credential_id, client_id, label, swept_at IS NOT NULL, failures
        FROM session_ends WHERE due_at <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
        """;

    /// <summary>The next one that is due and that nobody else has; it is ours until the transaction ends.</summary>
    public static async Task<OwedEnd?> TakeAsync(NpgsqlTransaction transaction, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Next, transaction.Connection, transaction) { Parameters = { new() { Value = now } } };
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation)
            ? new OwedEnd(
                reader.GetInt64(0),
                reader.GetGuid(1),
                Id(2),
                Id(3),
                reader.IsDBNull(4) ? null : reader.GetString(4),
                reader.IsDBNull(5) ? null : reader.GetString(5),
                reader.GetBoolean(6),
                reader.GetInt32(7))
            : null;

        Guid? Id(int column) => reader.IsDBNull(column) ? null : reader.GetGuid(column);
    }

    /// <summary>Nothing is owed any more.</summary>
    public Task DoneAsync(NpgsqlTransaction transaction, CancellationToken cancellation) =>
        ExecuteAsync(transaction, "DELETE FROM session_ends WHERE id = $1", cancellation, Id);

    /// <summary>Looks once more later, for who was just logging in.</summary>
    public Task OnceMoreAsync(NpgsqlTransaction transaction, DateTimeOffset now, DateTimeOffset at, CancellationToken cancellation) => ExecuteAsync(
        transaction, "UPDATE session_ends SET swept_at = $2, due_at = $3, failures = 0 WHERE id = $1", cancellation, Id, now, at);

    /// <summary>It did not work, and is tried again.</summary>
    public Task AgainAsync(NpgsqlTransaction transaction, DateTimeOffset at, CancellationToken cancellation) => ExecuteAsync(
        transaction, "UPDATE session_ends SET due_at = $2, failures = failures + 1 WHERE id = $1", cancellation, Id, at);

    private static async Task ExecuteAsync(NpgsqlTransaction transaction, string sql, CancellationToken cancellation, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, transaction.Connection, transaction);
        command.Parameters.AddRange(values.Select(value => new NpgsqlParameter { Value = value }).ToArray());
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
