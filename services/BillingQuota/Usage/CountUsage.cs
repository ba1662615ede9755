using EasySmart.Contracts.Ingestion;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.BillingQuota.Usage;

/// <summary>Adds what an event tells of to its minutes. The inbox sees to it that each event counts once.</summary>
internal sealed class CountUsage : IEventHandler<UsageRecorded>
{
    // Sorted, so that two batches with the same tenants take their locks in the same order.
    private const string Add =
        """
        INSERT INTO usage_minutes AS u (tenant_id, minute, messages, readings, bytes)
        SELECT tenant_id, minute, sum(messages), sum(readings), sum(bytes)
        FROM unnest($1, $2, $3, $4, $5) AS entry (tenant_id, minute, messages, readings, bytes)
        GROUP BY tenant_id, minute ORDER BY tenant_id, minute
        ON CONFLICT (tenant_id, minute) DO UPDATE
        SET messages = u.messages + excluded.messages, readings = u.readings + excluded.readings, bytes = u.bytes + excluded.bytes
        """;

    public async Task HandleAsync(UsageRecorded @event, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var add = new NpgsqlCommand(Add, transaction.Connection, transaction);
        var entries = @event.Entries;
        add.Parameters.Add(new() { Value = entries.Select(e => e.TenantId).ToArray() });
        add.Parameters.Add(new() { Value = entries.Select(e => e.Minute.ToUniversalTime()).ToArray() });
        add.Parameters.Add(new() { Value = entries.Select(e => e.Messages).ToArray() });
        add.Parameters.Add(new() { Value = entries.Select(e => e.Readings).ToArray() });
        add.Parameters.Add(new() { Value = entries.Select(e => e.Bytes).ToArray() });
        await add.ExecuteNonQueryAsync(cancellation);
    }
}
