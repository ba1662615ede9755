using EasySmart.Contracts.Quotas;
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
                OfMessages(max, used, now / MinuteWindow.Micros),
                OfLateMessages(max, known?.Backlog.At(now, max) ?? default),
                OfStorage(quota, reader.GetInt64(4)),
            ]));
    }

    private static LimitView OfMessages(int max, long used, long minute) => LimitView.Of(
        QuotaLimits.MessagesPerMinute, "device", max, used, "messages",
        AtLimit(max, "Further messages of this minute are refused and recorded, and the device is told on events/errors; POST /telemetry answers 429. "
            + "A message with many readings counts as one; one whose readings are all more than 5 minutes old counts as late."),
        used >= max ? "blocked" : null, MinuteWindow.Seconds, MinuteWindow.EndOf(minute));

    private static LimitView OfLateMessages(int max, (long Used, DateTimeOffset? WholeAt) backlog) => LimitView.Of(
        QuotaLimits.LateMessages, "device", Backlog.Most(max), backlog.Used, "messages",
        AtLimit(max, "A message whose readings are all more than 5 minutes old counts here instead of in its minute. Past what the quota allowed in 30 days, such "
            + "messages are refused and recorded but for one at a time, as the quota allows; POST /telemetry answers 429."),
        backlog.Used >= Backlog.Most(max) ? "blocked" : null, Backlog.Seconds, backlog.WholeAt);

    private static LimitView OfStorage(TenantQuota? quota, long bytes)
    {
        var max = quota?.QuotaStorageMb ?? 0;
        var overage = quota is { AllowOverage: true, PlanType: "enterprise" };
        return LimitView.Of(
            QuotaLimits.StorageMb, "tenant", max, bytes / 1e6m, "MB",
            AtLimit(max, overage
                ? "Messages are stored all the same, and what goes beyond the limit is metered."
                : "Messages of all the tenant's devices are refused and recorded until retention frees room or the limit is raised; POST /telemetry answers 429."),
            quota is { StorageBlocked: true } ? "blocked" : overage && bytes >= max * 1_000_000L ? "overage" : null);
    }

    private static string AtLimit(int max, string happens) => max == 0 ? "There is no limit; what is used is counted." : happens;
}

/// <summary>What limits a device, and how far it is used.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="RefusedThisMinute">Messages of this minute that were refused because there were too many. <example>0</example></param>
/// <param name="Limits">Each limit.</param>
public sealed record DeviceLimits(Guid DeviceId, long RefusedThisMinute, IReadOnlyList<LimitView> Limits);
