using System.Net.Http.Json;

namespace EasySmart.Load;

/// <summary>Lifts the quotas of the tenants whose devices are to publish more than any plan allows.</summary>
internal static class UnlimitedQuotas
{
    /// <summary>Returns when ingestion knows.</summary>
    public static async Task GiveAsync(RunningFleet fleet, Guid[] tenants, CancellationToken cancellation)
    {
        using var operators = await new LoadTenant(fleet["EASYSMART_ADMIN_EMAIL"], fleet["EASYSMART_ADMIN_PASSWORD"]).SignInAsync(fleet, cancellation);
        foreach (var tenant in tenants)
        {
            using var answer = await operators.PatchAsJsonAsync(
                $"/api/v1/tenants/{tenant}/quotas", new { quota_msgs_per_min = 0, quota_storage_mb = 0 }, cancellation);
            answer.EnsureSuccessStatusCode();
        }

        await using var database = fleet.Telemetry();
        await Until.TrueAsync("Ingestion does not hear of quotas", TimeSpan.FromMinutes(1), async () =>
        {
            await using var command = database.CreateCommand(
                "SELECT count(*) FROM tenant_quotas WHERE tenant_id = ANY($1) AND quota_msgs_per_min = 0 AND quota_storage_mb = 0");
            command.Parameters.Add(new() { Value = tenants });
            return (long)(await command.ExecuteScalarAsync(cancellation))! == tenants.Length;
        }, cancellation);
    }
}
