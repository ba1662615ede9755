using System.Collections.Concurrent;
using Npgsql;

namespace EasySmart.Ingestion.Tenants;

/// <summary>What a tenant may use, as BillingQuota last told it. 0 means unlimited.</summary>
internal sealed record TenantQuota(
    Guid TenantId,
    string PlanType,
    string BillingCycle,
    int QuotaDevices,
    int QuotaMsgsPerMin,
    int QuotaStorageMb,
    bool AllowOverage,
    int? RetentionDays,
    long Version,
    bool StorageBlocked = false,
    long StorageBytes = 0)
{
    /// <summary>For how long readings are kept, in microseconds; more days than time has are without end.</summary>
    public long Retention { get; } =
        RetentionDays is > 0 and < 1_000_000 and var days ? (long)TimeSpan.FromDays(days).TotalMicroseconds : long.MaxValue;
}

/// <summary>All tenants' quotas in memory: the hot path's view of the replica.</summary>
internal sealed class TenantQuotas
{
    // As with the devices: what a slow transaction wrote must not be overlooked.
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<Guid, TenantQuota> _quotas = new();

    /// <summary>The whole state of a tenant; null when it is not known yet.</summary>
    public TenantQuota? Find(Guid tenant) => _quotas.GetValueOrDefault(tenant);

    /// <summary>Takes in what the replica was told since <paramref name="since"/>, and some before; all of it at first.</summary>
    public async Task ReadAsync(NpgsqlConnection connection, DateTime? since, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT tenant_id, plan_type, billing_cycle, quota_devices, quota_msgs_per_min, quota_storage_mb, allow_overage, retention_days, version,
                storage_blocked, storage_bytes
            FROM tenant_quotas WHERE applied_at >= $1
            """,
            connection);
        command.Parameters.Add(new() { Value = since - Margin ?? DateTime.UnixEpoch });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            // The table holds the newest version, and only this reader changes the map.
            _quotas[reader.GetGuid(0)] = new TenantQuota(
                reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetInt32(3), reader.GetInt32(4), reader.GetInt32(5),
                reader.GetBoolean(6), await reader.IsDBNullAsync(7, cancellation) ? null : reader.GetInt32(7), reader.GetInt64(8),
                reader.GetBoolean(9), reader.GetInt64(10));
        }
    }
}
