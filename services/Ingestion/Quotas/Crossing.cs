using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.Quotas;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Ingestion.Quotas;

/// <summary>A device's messages have come to a level of their quota that was not told of before.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="Limit">The quota: <see cref="QuotaLimits.MessagesPerMinute"/> or <see cref="QuotaLimits.LateMessages"/>.</param>
/// <param name="Percent">80 or 100.</param>
/// <param name="Max">How many the quota allows.</param>
/// <param name="Used">How many there were.</param>
internal sealed record Crossing(Guid TenantId, Guid DeviceId, string Limit, int Percent, long Max, long Used)
{
    /// <summary>
    /// Tells of crossings. Those of a minute once, whatever instance found them: their rows are locked by the commit that counted. Late messages
    /// each instance counts for itself.
    /// </summary>
    public static async Task TellAsync(IReadOnlyList<Crossing> crossings, NpgsqlTransaction transaction, DateTimeOffset now, CancellationToken cancellation)
    {
        if (crossings.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(
            "UPDATE device_minutes d SET level = told.level FROM unnest($1::uuid[], $2::smallint[]) AS told (device_id, level) WHERE d.device_id = told.device_id",
            transaction.Connection,
            transaction);
        var minutes = crossings.Where(one => one.Limit == QuotaLimits.MessagesPerMinute).ToArray();
        command.Parameters.Add(new() { Value = Array.ConvertAll(minutes, one => one.DeviceId) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(minutes, one => (short)one.Percent) });
        await command.ExecuteNonQueryAsync(cancellation);
        await transaction.PublishAsync(
            crossings.SelectMany<Crossing, (Contracts.IntegrationEvent, string)>(one => [(one.Told(now), $"{one.DeviceId}"), (one.Audit(now), $"{one.DeviceId}")]),
            cancellation);
    }

    private QuotaExceeded Told(DateTimeOffset now) => new()
    {
        OccurredAt = now,
        TenantId = TenantId,
        DeviceId = DeviceId,
        Limit = Limit,
        Percent = Percent,
        Max = Max,
        Used = Used,
    };

    private AuditRecorded Audit(DateTimeOffset now) => new()
    {
        OccurredAt = now,
        TenantId = TenantId,
        DeviceId = DeviceId,
        EventType = $"quota.{(Limit == QuotaLimits.LateMessages ? "late_messages" : "messages")}_{(Percent == QuotaLevel.Full ? "exceeded" : "warning")}",
        EventCategory = "billing",
        Severity = Percent == QuotaLevel.Full ? "critical" : "warning",
        ActorType = "system",
        ResourceType = "device",
        ResourceId = $"{DeviceId}",
        Action = "quota_check",
        Result = "success",
        Metadata = JsonSerializer.SerializeToElement(new { Limit, Percent, Max, Used }, Json.Options),
    };
}
