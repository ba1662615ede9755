using EasySmart.BillingQuota.Plans;
using Npgsql;
using NpgsqlTypes;

namespace EasySmart.BillingQuota.Quotas;

/// <summary>How many bytes each tenant has stored: what its storage quota is compared with.</summary>
internal static class TenantStorage
{
    /// <summary>The bytes of a storage quota of so many MB.</summary>
    public const long BytesPerMb = 1_000_000;

    /// <summary>
    /// Whether nothing more may be stored. Only an enterprise plan may allow to go on past the quota, metered.
    /// </summary>
    public static bool IsBlocked(string planType, bool allowOverage, int quotaMb, long bytes) =>
        quotaMb > 0 && bytes >= quotaMb * BytesPerMb && !(allowOverage && planType == PlanTerms.Enterprise);

    /// <summary>
    /// Adds what was stored, less what was deleted, and tells whoever enforces the quota when that closes or opens a tenant. Locks the
    /// tenants in their order until the transaction ends.
    /// </summary>
    /// <param name="transaction">The transaction that what is added is known from, on the system role.</param>
    /// <param name="deltas">Bytes for each tenant.</param>
    /// <param name="clock">Gives the time.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task AddAsync(
        NpgsqlTransaction transaction, IReadOnlyDictionary<Guid, long> deltas, TimeProvider clock, CancellationToken cancellation)
    {
        var changes = deltas.Where(delta => delta.Value != 0).ToArray();
        if (changes.Length == 0)
        {
            return;
        }

        var tenants = Array.ConvertAll(changes, change => change.Key);
        await QuotaReview.LockAsync(transaction, tenants, cancellation);
        await using var add = new NpgsqlCommand(
            """
            INSERT INTO tenant_storage AS s (tenant_id, bytes) SELECT * FROM unnest($1, $2) AS delta (tenant_id, bytes) ORDER BY tenant_id
            ON CONFLICT (tenant_id) DO UPDATE SET bytes = s.bytes + excluded.bytes
            """,
            transaction.Connection,
            transaction)
        {
            Parameters =
            {
                new() { Value = tenants },
                new() { Value = Array.ConvertAll(changes, change => change.Value), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
            },
        };
        await add.ExecuteNonQueryAsync(cancellation);
        await QuotaReview.RunAsync(transaction, tenants, new Cause(clock.GetUtcNow()), cancellation);
    }
}
