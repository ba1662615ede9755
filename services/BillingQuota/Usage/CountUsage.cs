using EasySmart.BillingQuota.Quotas;
using EasySmart.Contracts.Ingestion;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.BillingQuota.Usage;

/// <summary>
/// Adds what an event tells of to its minutes, to the ledger's hours and to what the tenants have stored. The inbox sees to it that each event
/// counts once. An event comes about once a second and may tell of every tenant, so there are few statements, however many there are.
/// </summary>
internal sealed class CountUsage(TimeProvider clock) : IEventHandler<UsageRecorded>
{
    // Sorted, so that two batches with the same tenants take their locks in the same order.
    private const string AddMinutes =
        """
        INSERT INTO usage_minutes AS u (tenant_id, minute, messages, readings, bytes)
        SELECT tenant_id, minute, sum(messages), sum(readings), sum(bytes)
        FROM unnest($1, $2, $3, $4, $5) AS entry (tenant_id, minute, messages, readings, bytes)
        WHERE messages <> 0 OR readings <> 0 OR bytes <> 0
        GROUP BY tenant_id, minute ORDER BY tenant_id, minute
        ON CONFLICT (tenant_id, minute) DO UPDATE
        SET messages = u.messages + excluded.messages, readings = u.readings + excluded.readings, bytes = u.bytes + excluded.bytes
        """;

    private const string AddHours =
        """
        INSERT INTO usage_pending AS u (tenant_id, hour, meter, amount)
        SELECT tenant_id, hour, meter, amount FROM unnest($1, $2, $3, $4) AS used (tenant_id, hour, meter, amount)
        ORDER BY tenant_id, hour, meter
        ON CONFLICT (tenant_id, hour, meter) DO UPDATE SET amount = u.amount + excluded.amount
        """;

    public async Task HandleAsync(UsageRecorded @event, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        var entries = @event.Entries;
        var hours = entries.SelectMany(Metered)
            .GroupBy(used => (used.Tenant, used.Hour, used.Meter), used => used.Amount)
            .Select(used => (used.Key.Tenant, used.Key.Hour, used.Key.Meter, Amount: used.Sum()))
            .Where(used => used.Amount != 0)
            .ToArray();
        await using var batch = new NpgsqlBatch(transaction.Connection, transaction)
        {
            BatchCommands =
            {
                new(AddMinutes)
                {
                    Parameters =
                    {
                        new() { Value = entries.Select(e => e.TenantId).ToArray() },
                        new() { Value = entries.Select(e => e.Minute.ToUniversalTime()).ToArray() },
                        new() { Value = entries.Select(e => e.Messages).ToArray() },
                        new() { Value = entries.Select(e => e.Readings).ToArray() },
                        new() { Value = entries.Select(e => e.Bytes).ToArray() },
                    },
                },
                new(AddHours)
                {
                    Parameters =
                    {
                        new() { Value = hours.Select(used => used.Tenant).ToArray() },
                        new() { Value = hours.Select(used => used.Hour).ToArray() },
                        new() { Value = hours.Select(used => used.Meter).ToArray() },
                        new() { Value = hours.Select(used => used.Amount).ToArray() },
                    },
                },
            },
        };
        await batch.ExecuteNonQueryAsync(cancellation);
        var stored = entries.GroupBy(e => e.TenantId).ToDictionary(tenant => tenant.Key, tenant => tenant.Sum(e => e.Bytes - e.BytesDeleted));
        await TenantStorage.AddAsync(transaction, stored, clock, cancellation);
    }

    private static IEnumerable<(Guid Tenant, DateTime Hour, string Meter, long Amount)> Metered(UsageEntry entry)
    {
        var minute = entry.Minute.UtcDateTime;
        var hour = minute.AddTicks(-(minute.Ticks % TimeSpan.TicksPerHour));
        foreach (var (meter, amount) in new[]
        {
            (Meters.Messages, entry.Messages), (Meters.Readings, entry.Readings), (Meters.BytesStored, entry.Bytes),
            (Meters.ReadingsDeleted, entry.ReadingsDeleted), (Meters.BytesDeleted, entry.BytesDeleted),
            (Meters.WebhookCalls, entry.WebhookCalls), (Meters.Exports, entry.Exports),
        })
        {
            if (amount != 0)
            {
                yield return (entry.TenantId, hour, meter, amount);
            }
        }
    }
}
