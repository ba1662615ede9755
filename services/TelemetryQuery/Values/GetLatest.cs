using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace EasySmart.TelemetryQuery.Values;

/// <summary><c>GET /telemetry/latest</c>: the newest value of one slot.</summary>
internal static class GetLatest
{
    private const string Sql =
        $"""
        SELECT d.device_id, l.value::text, l.time
        FROM tenant.devices d LEFT JOIN tenant.latest l ON l.device_id = d.device_id AND l.slot = $3
        WHERE {DeviceSelector.Where}
        """;

    /// <param name="slot">The slot, from 0 to 32767. <example>0</example></param>
    public static async Task<Results<Ok<LatestValue>, ProblemResult>> HandleAsync(
        TenantScope tenant, [AsParameters] DeviceSelector device, [Range(0, short.MaxValue)] short slot, NpgsqlDataSource database,
        CancellationToken cancellation)
    {
        if (device.Fault is { } fault)
        {
            return fault;
        }

        var query = new NpgsqlBatchCommand(Sql);
        device.AddTo(query);
        query.Parameters.Add(new() { Value = slot });
        await using var reader = await database.QueryTenantAsync(tenant.Id, query, cancellation);
        if (!await reader.ReadAsync(cancellation))
        {
            return DeviceSelector.NotFound;
        }

        return TypedResults.Ok(await reader.IsDBNullAsync(2, cancellation)
            ? new LatestValue()
            : new LatestValue
            {
                DeviceId = reader.GetGuid(0),
                Slot = slot,
                Value = new SentJson(reader.GetString(1)),
                Timestamp = reader.GetFieldValue<DateTimeOffset>(2),
            });
    }
}

/// <summary>The newest value of a slot; empty when it has none yet.</summary>
public sealed record LatestValue
{
    /// <summary>The device.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Guid? DeviceId { get; init; }

    /// <summary>The slot.</summary>
    /// <example>0</example>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public short? Slot { get; init; }

    /// <summary>The payload as it was sent: any JSON, <c>null</c> too.</summary>
    /// <example>{"value": 23.5}</example>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SentJson? Value { get; init; }

    /// <summary>Time of the reading.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? Timestamp { get; init; }
}
