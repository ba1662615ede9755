using EasySmart.BillingQuota.Plans;
using EasySmart.Contracts;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;
using NpgsqlTypes;

namespace EasySmart.BillingQuota.Quotas;

/// <summary>
/// Compares what tenants use with what is in force for them, after either was changed and in the same transaction: closes and opens their
/// storage, finds the crossings, and tells of both. All that it decides from changes only under the tenant's lock.
/// </summary>
internal static class QuotaReview
{
    private const string Read =
        """
        SELECT p.tenant_id, p.plan_type, p.billing_cycle, p.quota_devices, p.quota_msgs_per_min, p.quota_storage_mb, p.allow_overage,
               p.retention_days, p.storage_blocked, coalesce(s.bytes, 0), coalesce(stored.level, 0), coalesce(held.level, 0),
               CASE WHEN $2 AND p.quota_devices > 0 THEN (SELECT count(*) FROM devices d WHERE d.tenant_id = p.tenant_id) ELSE 0 END
        FROM tenant_plans p
        LEFT JOIN tenant_storage s ON s.tenant_id = p.tenant_id
        LEFT JOIN quota_levels stored ON stored.tenant_id = p.tenant_id AND stored.limit_name = 'storage_mb'
        LEFT JOIN quota_levels held ON held.tenant_id = p.tenant_id AND held.limit_name = 'devices'
        WHERE p.tenant_id = ANY($1) ORDER BY p.tenant_id
        """;

    private const string SetBlocked =
        """
        UPDATE tenant_plans p SET storage_blocked = new.blocked, version = nextval('tenant_plan_version'), updated_at = $3
        FROM unnest($1, $2) AS new (tenant_id, blocked) WHERE p.tenant_id = new.tenant_id
        RETURNING p.tenant_id, p.version
        """;

    private const string SetLevels =
        """
        INSERT INTO quota_levels (tenant_id, limit_name, level) SELECT * FROM unnest($1, $2, $3)
        ON CONFLICT (tenant_id, limit_name) DO UPDATE SET level = excluded.level
        """;

    /// <summary>Keeps what is in force for the tenants, and what they use, as it is for everybody else until the transaction ends.</summary>
    public static async Task LockAsync(NpgsqlTransaction transaction, Guid[] tenants, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            "SELECT FROM tenant_plans WHERE tenant_id = ANY($1) ORDER BY tenant_id FOR NO KEY UPDATE", transaction.Connection, transaction)
        {
            Parameters = { new() { Value = tenants } },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Decides anew for the tenants, which are locked. One that has no plan yet is left until it gets it.</summary>
    public static async Task RunAsync(NpgsqlTransaction transaction, Guid[] tenants, Cause cause, CancellationToken cancellation)
    {
        var states = await ReadAsync(transaction, tenants, cause.CountDevices, cancellation);
        var changed = states.Where(state => cause.StateChanged || state.IsBlocked != state.WasBlocked).ToArray();
        var crossings = states.SelectMany(state => state.Crossings(cause.CountDevices)).ToArray();
        var events = new List<(IntegrationEvent, string)>();
        if (changed.Length > 0)
        {
            var versions = await SetBlockedAsync(transaction, changed, cause.At, cancellation);
            events.AddRange(changed.Select(state => ((IntegrationEvent)state.Changed(versions[state.TenantId], cause), $"{state.TenantId}")));
        }

        if (crossings.Length > 0)
        {
            await SetLevelsAsync(transaction, crossings, cancellation);
            events.AddRange(crossings.Where(crossing => crossing.Level > crossing.Before).SelectMany(crossing => crossing.Told(cause)));
        }

        if (events.Count > 0)
        {
            await transaction.PublishAsync(events, cancellation);
        }
    }

    private static async Task<List<TenantUse>> ReadAsync(
        NpgsqlTransaction transaction, Guid[] tenants, bool countDevices, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(Read, transaction.Connection, transaction)
        {
            Parameters = { new() { Value = tenants }, new() { Value = countDevices } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var states = new List<TenantUse>();
        while (await reader.ReadAsync(cancellation))
        {
            states.Add(new TenantUse(
                reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetInt32(3), reader.GetInt32(4), reader.GetInt32(5),
                reader.GetBoolean(6), reader.GetInt32(7), reader.GetBoolean(8), reader.GetInt64(9), reader.GetInt32(10), reader.GetInt32(11),
                reader.GetInt64(12)));
        }

        return states;
    }

    private static async Task<Dictionary<Guid, long>> SetBlockedAsync(
        NpgsqlTransaction transaction, TenantUse[] states, DateTimeOffset at, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(SetBlocked, transaction.Connection, transaction)
        {
            Parameters =
            {
                new() { Value = Array.ConvertAll(states, state => state.TenantId) },
                new() { Value = Array.ConvertAll(states, state => state.IsBlocked), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Boolean },
                new() { Value = at },
            },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var versions = new Dictionary<Guid, long>();
        while (await reader.ReadAsync(cancellation))
        {
            versions.Add(reader.GetGuid(0), reader.GetInt64(1));
        }

        return versions;
    }

    private static async Task SetLevelsAsync(NpgsqlTransaction transaction, Crossing[] crossings, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(SetLevels, transaction.Connection, transaction)
        {
            Parameters =
            {
                new() { Value = Array.ConvertAll(crossings, crossing => crossing.TenantId) },
                new() { Value = Array.ConvertAll(crossings, crossing => crossing.Limit) },
                new() { Value = Array.ConvertAll(crossings, crossing => crossing.Level) },
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
