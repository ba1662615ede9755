using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Parsing;
using EasySmart.Ingestion.Tenants;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace EasySmart.Ingestion.Quotas;

/// <summary>
/// <c>GET /devices/{device_id}/limits</c>: each limit on what the device sends, how much of it is used now, and what happens at it.
/// </summary>
internal static class ShowLimits
{
    private const string Sql =
        """
        SELECT m.minute, m.messages, m.refused, m.level, coalesce(s.bytes, 0)
        FROM devices d
        LEFT JOIN device_minutes m ON m.device_id = d.device_id AND m.tenant_id = d.tenant_id
        LEFT JOIN tenant_stored s ON s.tenant_id = d.tenant_id
        WHERE d.tenant_id = $1 AND d.device_id = $2
        """;

    /// <param name="deviceId">The device.</param>
    public static async Task<Results<Ok<DeviceLimits>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, TenantScope tenant, NpgsqlDataSource database, DeviceDirectory directory, TenantQuotas quotas,
        QuotaGate gate, CancellationToken cancellation)
    {
        var query = new NpgsqlBatchCommand(Sql) { Parameters = { new() { Value = tenant.Id }, new() { Value = deviceId } } };
        await using var reader = await database.QueryTenantAsync(tenant.Id, query, cancellation);
        if (!await reader.ReadAsync(cancellation))
        {
            return Problem.NotFound("Device not found");
        }

        MinuteRow? row = await reader.IsDBNullAsync(0, cancellation) ? null : new MinuteRow(
            MinuteWindow.MinuteOf(reader.GetDateTime(0)), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt16(3));
        // Of a device that this instance does not know yet, or of one that was another tenant's, the table tells.
        var known = directory.Find(deviceId) is { } device && device.TenantId == tenant.Id ? device : null;
        var window = known?.Minute ?? new MinuteWindow();
        var (now, quota) = (ReadingTime.Micros(gate.Now), quotas.Find(tenant.Id));
        var (used, refused) = window.At(now, row);
        var max = quota?.QuotaMsgsPerMin ?? 0;
        return TypedResults.Ok(new DeviceLimits(
            deviceId,
            refused,
            [
                ShownLimit.OfMessages(max, used, now / MinuteWindow.Micros),
                ShownLimit.OfLateMessages(max, known?.Backlog.At(now, max) ?? default),
                ShownLimit.OfStorage(quota, reader.GetInt64(4)),
            ]));
    }
}

/// <summary>What limits a device, and how far it is used.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="RefusedThisMinute">Messages of this minute that were refused because there were too many. <example>0</example></param>
/// <param name="Limits">Each limit.</param>
public sealed record DeviceLimits(Guid DeviceId, long RefusedThisMinute, IReadOnlyList<ShownLimit> Limits);
