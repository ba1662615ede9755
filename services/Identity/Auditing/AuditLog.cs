using System.Globalization;
using System.Text;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Identity.Auditing;

/// <summary>
/// Reads what was recorded. One tenant's records are read under the callers' role, which sees no other tenant's, whoever asks; the
/// platform's and everybody's at once under the system role.
/// </summary>
internal sealed class AuditLog(NpgsqlDataSource callers, [FromKeyedServices(DataSources.System)] NpgsqlDataSource system)
{
    /// <summary>Records in the scope that match, newest first, after <paramref name="after"/>.</summary>
    public Task<List<AuditEntry>> ReadAsync(AuditScope scope, AuditFilter filter, AuditCursor? after, int limit, CancellationToken cancellation) =>
        RunAsync(scope, Query(scope, filter, after, limit), AuditEntry.Read, cancellation);

    internal static NpgsqlBatchCommand Query(AuditScope scope, AuditFilter filter, AuditCursor? after, int limit)
    {
        var query = new NpgsqlBatchCommand();
        var where = new StringBuilder("true");
        foreach (var (condition, value) in filter.Conditions())
        {
            where.Append(CultureInfo.InvariantCulture, $" AND {condition} {Parameter(query, value)}");
        }

        if (scope.Chain is { } chain)
        {
            // By tenant_id, as the indexes are, where chain would do as well.
            where.Append(chain.TenantId is { } tenant ? $" AND tenant_id = {Parameter(query, tenant)}" : " AND tenant_id IS NULL");
        }

        if (after is { } place)
        {
            where.Append(CultureInfo.InvariantCulture, $" AND (timestamp, seq) < ({Parameter(query, place.Timestamp)}, {Parameter(query, place.Sequence)})");
        }

        query.CommandText =
            $"SELECT {AuditEntry.Columns} FROM audit WHERE {where} ORDER BY timestamp DESC, seq DESC LIMIT {Parameter(query, limit)}";
        return query;
    }

    /// <summary>Heads in the scope that were published, the newest day first, after <paramref name="after"/>.</summary>
    public async Task<List<PublishedHead>> ReadHeadsAsync(
        AuditScope scope, DateOnly? day, HeadCursor? after, int limit, CancellationToken cancellation)
    {
        var query = new NpgsqlBatchCommand();
        var where = new StringBuilder("true");
        if (scope.Chain is { } chain)
        {
            where.Append(CultureInfo.InvariantCulture, $" AND chain = {Parameter(query, chain.Id)}");
        }

        if (day is { } one)
        {
            where.Append(CultureInfo.InvariantCulture, $" AND day = {Parameter(query, one)}");
        }

        if (after is { } place)
        {
            var (on, last) = (Parameter(query, place.Day), Parameter(query, place.Chain));
            where.Append(CultureInfo.InvariantCulture, $" AND (day, chain) < ({on}, {last})");
        }

        query.CommandText =
            $"""
            SELECT day, chain, position, hash, published_at FROM audit_published_heads
            WHERE {where} ORDER BY day DESC, chain DESC LIMIT {Parameter(query, limit)}
            """;
        return await RunAsync(scope, query, PublishedHead.Read, cancellation);
    }

    private async Task<List<T>> RunAsync<T>(AuditScope scope, NpgsqlBatchCommand query, Func<NpgsqlDataReader, T> read, CancellationToken cancellation)
    {
        await using var everybody = system.CreateBatch();
        if (scope.Chain?.TenantId is null)
        {
            everybody.BatchCommands.Add(query);
        }

        await using var reader = scope.Chain?.TenantId is { } tenant
            ? await callers.QueryTenantAsync(tenant, query, cancellation)
            : await everybody.ExecuteReaderAsync(cancellation);
        var found = new List<T>();
        while (await reader.ReadAsync(cancellation))
        {
            found.Add(read(reader));
        }

        return found;
    }

    private static string Parameter(NpgsqlBatchCommand query, object value)
    {
        query.Parameters.Add(new NpgsqlParameter { Value = value });
        return string.Create(CultureInfo.InvariantCulture, $"${query.Parameters.Count}");
    }
}
