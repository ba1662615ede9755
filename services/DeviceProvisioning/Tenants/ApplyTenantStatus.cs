using EasySmart.Contracts.Identity;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Tenants;

/// <summary>A tenant as Identity answers it. One that is not in the replica was never suspended.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="Status">Only an <c>active</c> tenant's devices may connect.</param>
/// <param name="Version">Only grows, for each tenant.</param>
public sealed record TenantState(Guid TenantId, string Status, long Version);

/// <summary>
/// Keeps the replica of the tenants: the newer version wins, in whatever order they come. With a tenant that is not active any more, the
/// end of its devices' sessions is committed; the table itself tells every instance's memory of logins.
/// </summary>
public sealed class ApplyTenantStatus : IEventHandler<TenantStatusChanged>
{
    /// <summary>How it is filled from Identity.</summary>
    public static Replica<TenantState> Replica { get; } = new(
        "tenants", "services:identity:http:0", "/internal/tenants", $"{Guid.Empty}", t => $"{t.TenantId}", ApplyAsync);

    public Task HandleAsync(TenantStatusChanged @event, NpgsqlTransaction transaction, CancellationToken cancellation) =>
        ApplyAsync(new TenantState(@event.TenantId, @event.Status, @event.Version), transaction, cancellation);

    private static async Task ApplyAsync(TenantState tenant, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var upsert = new NpgsqlCommand(
            """
            WITH applied AS (
                INSERT INTO tenants AS held (tenant_id, status, version) VALUES ($1, $2, $3)
                ON CONFLICT (tenant_id) DO UPDATE SET status = excluded.status, version = excluded.version
                    WHERE held.version < excluded.version
                RETURNING status)
            INSERT INTO session_ends (tenant_id) SELECT $1 FROM applied WHERE status <> 'active'
            """,
            transaction.Connection,
            transaction)
        {
            Parameters = { new() { Value = tenant.TenantId }, new() { Value = tenant.Status }, new() { Value = tenant.Version } },
        };
        await upsert.ExecuteNonQueryAsync(cancellation);
    }
}
