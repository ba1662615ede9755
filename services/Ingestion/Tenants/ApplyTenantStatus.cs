using EasySmart.Contracts.Identity;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Ingestion.Tenants;

/// <summary>A tenant as Identity answers it.</summary>
internal sealed record TenantState(Guid TenantId, string Status, long Version);

/// <summary>Keeps the replica of the tenants, and through it every instance's knowledge of who is shut out.</summary>
internal sealed class ApplyTenantStatus : IEventHandler<TenantStatusChanged>
{
    /// <summary>Every instance listens here. The notice says only that something has changed.</summary>
    public const string Channel = "tenants";

    /// <summary>How it is filled from Identity.</summary>
    public static Replica<TenantState> Replica { get; } = new(
        "tenants", "services:identity:http:0", "/internal/tenants", $"{Guid.Empty}", t => $"{t.TenantId}", ApplyAsync);

    public Task HandleAsync(TenantStatusChanged @event, NpgsqlTransaction transaction, CancellationToken cancellation) =>
        ApplyAsync(new TenantState(@event.TenantId, @event.Status, @event.Version), transaction, cancellation);

    private static async Task ApplyAsync(TenantState tenant, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            $"""
            WITH written AS (
                INSERT INTO tenants AS known (tenant_id, status, version) VALUES ($1, $2, $3)
                ON CONFLICT (tenant_id) DO UPDATE SET status = excluded.status, version = excluded.version
                WHERE known.version < excluded.version
                RETURNING 1)
            SELECT pg_notify('{Channel}', '') FROM written
            """,
            transaction.Connection,
            transaction);
        command.Parameters.Add(new() { Value = tenant.TenantId });
        command.Parameters.Add(new() { Value = tenant.Status });
        command.Parameters.Add(new() { Value = tenant.Version });
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
