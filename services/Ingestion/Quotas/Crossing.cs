using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.Quotas;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Ingestion.Quotas;

/// <summary>A device's messages of a minute have come to a level of its quota that was not told of before.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="Percent">80 or 100.</param>
/// <param name="Max">How many the quota allows.</param>
/// <param name="Used">How many there were.</param>
internal sealed record Crossing(Guid TenantId, Guid DeviceId, int Percent, long Max, long Used)
{
    /// <summary>Tells of crossings once, whatever instance found them: their rows are locked by the commit that counted.</summary>
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
        command.Parameters.Add(new() { Value = crossings.Select(one => one.DeviceId).ToArray() });
        command.Parameters.Add(new() { Value = crossings.Select(one => (short)one.Percent).ToArray() });
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
        Limit = QuotaLimits.MessagesPerMinute,
        Percent = Percent,
        Max = Max,
        Used = Used,
    };

    private AuditRecorded Audit(DateTimeOffset now) => new()
    {
        OccurredAt = now,
        TenantId = TenantId,
        DeviceId = DeviceId,
        EventType = Percent == QuotaLevel.Reached ? "quota.messages_exceeded" : "quota.messages_warning",
        EventCategory = "billing",
        Severity = Percent == QuotaLevel.Reached ? "critical" : "warning",
        ActorType = "system",
        ResourceType = "device",
        ResourceId = $"{DeviceId}",
        Action = "quota_check",
        Result = "success",
        Metadata = JsonSerializer.SerializeToElement(new { Limit = QuotaLimits.MessagesPerMinute, Percent, Max, Used }, Json.Options),
    };
}
