using System.Data;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Identity.Auditing;

/// <summary>What walking one chain found.</summary>
/// <param name="Chain">Which one.</param>
/// <param name="Records">Records that were found in order.</param>
/// <param name="Erased">Those among them whose personal data was erased.</param>
/// <param name="Head">The last one's hash; null for none.</param>
/// <param name="Break">What is wrong at the first record that does not fit; null when the chain is whole.</param>
internal sealed record ChainReport(Chain Chain, long Records, long Erased, byte[]? Head, string? Break);

/// <summary>
/// Walks chains from their beginning, record by record as PostgreSQL sends them, so that a chain of any length takes the same memory; all
/// in one snapshot, so that what is recorded meanwhile looks like nothing missing.
/// </summary>
internal sealed class ChainWalk([FromKeyedServices(DataSources.System)] NpgsqlDataSource database)
{
    // A chain is known by any trace of it: its records, its head, or a head that was published.
    private const string NextChain =
        """
        SELECT chain FROM (
            (SELECT chain FROM audit WHERE $1::uuid IS NULL OR chain > $1 ORDER BY chain LIMIT 1) UNION ALL
            (SELECT chain FROM audit_heads WHERE $1::uuid IS NULL OR chain > $1 ORDER BY chain LIMIT 1) UNION ALL
            (SELECT chain FROM audit_published_heads WHERE $1::uuid IS NULL OR chain > $1 ORDER BY chain LIMIT 1)) AS next
        ORDER BY chain LIMIT 1
        """;

    /// <summary>All chains one after the other, or only one.</summary>
    public async IAsyncEnumerable<ChainReport> WalkAsync(
        Chain? only, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellation);
        if (only is { } one)
        {
            yield return await new ChainWalker(snapshot, one).WalkAsync(cancellation);
            yield break;
        }

        for (Guid? last = null; await NextAsync(snapshot, last, cancellation) is { } id; last = id)
        {
            yield return await new ChainWalker(snapshot, new Chain(id)).WalkAsync(cancellation);
        }
    }

    private static async Task<Guid?> NextAsync(NpgsqlTransaction snapshot, Guid? last, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(NextChain, snapshot.Connection, snapshot) { CommandTimeout = 0 };
        command.Parameters.Add(new() { Value = last ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Uuid });
        return (Guid?)await command.ExecuteScalarAsync(cancellation);
    }
}
