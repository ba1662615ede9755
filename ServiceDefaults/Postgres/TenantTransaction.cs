using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace EasySmart.ServiceDefaults.Postgres;

/// <summary>
/// A transaction that sees one tenant. Row-level security compares with <c>current_tenant()</c>, which is set for the transaction only:
/// without it, also on a pooled connection that was used before, a query sees no row.
/// </summary>
public static class TenantTransaction
{
    private const string Set = "SELECT set_config('app.tenant_id', @tenant, true)";

    /// <summary>
    /// Begins a transaction, or where the route is idempotent and has begun one already, a part of it that the handler commits or takes back
    /// as if it were one of its own.
    /// </summary>
    public static async Task<IDbContextTransaction> BeginOrJoinAsync(this DatabaseFacade database, CancellationToken cancellation) =>
        database.CurrentTransaction is { } outer
            ? await JoinedTransaction.BeginAsync(outer, cancellation)
            : await database.BeginTransactionAsync(cancellation);

    /// <summary>Begins or joins a transaction in which EF Core sees the tenant's rows only.</summary>
    public static async Task<IDbContextTransaction> BeginTenantAsync(this DatabaseFacade database, Guid tenant, CancellationToken cancellation)
    {
        var transaction = await database.BeginOrJoinAsync(cancellation);
        await database.ExecuteSqlRawAsync(Set, [new NpgsqlParameter<string>("tenant", tenant.ToString())], cancellation);
        return transaction;
    }

    /// <summary>Begins a transaction on an open connection in which it sees the tenant's rows only.</summary>
    public static async Task<NpgsqlTransaction> BeginTenantAsync(this NpgsqlConnection connection, Guid tenant, CancellationToken cancellation)
    {
        var transaction = await connection.BeginTransactionAsync(cancellation);
        await using var command = new NpgsqlCommand(Set, connection, transaction);
        command.Parameters.Add(new NpgsqlParameter<string>("tenant", tenant.ToString()));
        await command.ExecuteNonQueryAsync(cancellation);
        return transaction;
    }

    /// <summary>
    /// Runs one query that sees the tenant's rows only, in one round trip where a transaction takes three: the setting and the query share
    /// the batch's implicit transaction. For reads; whoever writes begins a transaction.
    /// </summary>
    /// <param name="source">The callers' data source.</param>
    /// <param name="tenant">The tenant.</param>
    /// <param name="query">The query with its parameters.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The query's result; disposing it gives the connection back.</returns>
    public static async Task<NpgsqlDataReader> QueryTenantAsync(
        this NpgsqlDataSource source, Guid tenant, NpgsqlBatchCommand query, CancellationToken cancellation)
    {
        try
        {
            return await source.ReadTenantAsync(tenant, query, cancellation);
        }
        catch (NpgsqlException e) when (e.InnerException is IOException || e.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown)
        {
            // That a pooled connection died with its server shows when it is used next. A read is asked again; of the others in the pool none is better.
            source.Clear();
            return await source.ReadTenantAsync(tenant, query, cancellation);
        }
    }

    private static async Task<NpgsqlDataReader> ReadTenantAsync(
        this NpgsqlDataSource source, Guid tenant, NpgsqlBatchCommand query, CancellationToken cancellation)
    {
        var batch = source.CreateBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Set) { Parameters = { new NpgsqlParameter<string>("tenant", tenant.ToString()) } });
        batch.BatchCommands.Add(query);
        var reader = await batch.ExecuteReaderAsync(cancellation);
        try
        {
            await reader.NextResultAsync(cancellation);
            return reader;
        }
        catch
        {
            await reader.DisposeAsync();
            throw;
        }
    }

    /// <summary>The name of the constraint that a statement ran into, or null when the failure was another.</summary>
    /// <remarks>The constraint decides a race; the handler catches it with <c>when (e.ViolatedConstraint() == "…")</c>.</remarks>
    public static string? ViolatedConstraint(this Exception exception) => exception switch
    {
        PostgresException { SqlState: PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.ForeignKeyViolation or PostgresErrorCodes.CheckViolation } e
            => e.ConstraintName,
        DbUpdateException { InnerException: { } inner } => inner.ViolatedConstraint(),
        _ => null,
    };
}
