using System.Text.Json;
using EasySmart.BillingQuota.Ledger;
using EasySmart.Contracts;
using EasySmart.Contracts.Auditing;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.BillingQuota.Snapshots;

/// <summary>
/// Makes the final snapshots of a month once it is over and what is known of its hours is posted: for every tenant that had a plan in it, month
/// after month, also after the service was away. What comes later for the month, because the broker or ingestion was away over its end, changes
/// no final snapshot: it is in that of the next month.
/// </summary>
internal sealed class MonthEnd([FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock)
{
    // Tenants of one transaction.
    private const int Most = 200;

    /// <summary>Makes every final snapshot that is due. The first look of all only begins, with the month that runs.</summary>
    public async Task CloseAsync(CancellationToken cancellation)
    {
        while (await CloseSomeAsync(cancellation))
        {
        }
    }

    private async Task<bool> CloseSomeAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var turn = await connection.BeginLedgerTurnAsync(cancellation);
        var now = clock.NowInMicros();
        if (turn is null || await DueAsync(turn, now, cancellation) is not { } month)
        {
            return false;
        }

        var tenants = await WithoutAsync(turn, month, cancellation);
        if (tenants.Length > 0)
        {
            var written = await SnapshotWriter.WriteAsync(turn, tenants, month, final: true, now, cancellation);
            await turn.PublishAsync(written.Select(snapshot => ((IntegrationEvent)Audit(snapshot, now), $"snapshot:{snapshot.TenantId}")), cancellation);
        }
        else
        {
            await BeginAsync(turn, month.AddMonths(1), cancellation);
        }

        await turn.CommitAsync(cancellation);
        return true;
    }

    /// <summary>The month that is over, in the ledger as far as it is known, and not done; null when there is none.</summary>
    private static async Task<DateOnly?> DueAsync(NpgsqlTransaction turn, DateTime now, CancellationToken cancellation)
    {
        await using var read = new NpgsqlCommand(
            """
            SELECT snapshots_from, coalesce(device_hours_until >= ended AND NOT EXISTS (SELECT FROM usage_pending WHERE hour < ended), false)
            FROM (SELECT *, (snapshots_from + interval '1 month') AT TIME ZONE 'UTC' AS ended FROM ledger_state) AS state
            """,
            turn.Connection,
            turn);
        await using (var reader = await read.ExecuteReaderAsync(cancellation))
        {
            if (await reader.ReadAsync(cancellation) && !reader.IsDBNull(0))
            {
                var month = reader.GetFieldValue<DateOnly>(0);
                return reader.GetBoolean(1) && now >= Period.Begin(month.AddMonths(1)) + Poster.Patience ? month : null;
            }
        }

        await BeginAsync(turn, Period.MonthOf(now), cancellation);
        await turn.CommitAsync(cancellation);
        return null;
    }

    private static async Task<Guid[]> WithoutAsync(NpgsqlTransaction turn, DateOnly month, CancellationToken cancellation)
    {
        await using var select = new NpgsqlCommand(
            $"""
            SELECT coalesce(array_agg(tenant_id), ARRAY[]::uuid[]) FROM (
                SELECT tenant_id FROM tenant_plans p
                WHERE since < $2 AND NOT EXISTS (
                    SELECT FROM usage_snapshots s WHERE s.tenant_id = p.tenant_id AND s.period = $1 AND s.final)
                ORDER BY tenant_id LIMIT {Most}) AS next
            """,
            turn.Connection,
            turn)
        {
            Parameters = { new() { Value = Period.Of(month) }, new() { Value = Period.Begin(month.AddMonths(1)) } },
        };
        return (Guid[])(await select.ExecuteScalarAsync(cancellation))!;
    }

    private static async Task BeginAsync(NpgsqlTransaction turn, DateOnly month, CancellationToken cancellation)
    {
        await using var begin = new NpgsqlCommand("UPDATE ledger_state SET snapshots_from = $1", turn.Connection, turn)
        {
            Parameters = { new() { Value = month } },
        };
        await begin.ExecuteNonQueryAsync(cancellation);
    }

    private static AuditRecorded Audit(Snapshot snapshot, DateTime now) => new()
    {
        OccurredAt = now,
        TenantId = snapshot.TenantId,
        EventType = "billing.snapshot_generated",
        EventCategory = "billing",
        ActorType = "system",
        ActorId = "billing-quota",
        ResourceType = "usage_snapshot",
        ResourceId = snapshot.Period,
        Action = "create",
        Result = "success",
        Metadata = JsonSerializer.SerializeToElement(snapshot.Described, Json.Options),
    };
}
