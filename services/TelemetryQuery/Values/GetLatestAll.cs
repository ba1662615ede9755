using System.Text.Json.Serialization;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;
using NpgsqlTypes;

namespace EasySmart.TelemetryQuery.Values;

/// <summary><c>GET /telemetry/latest/all</c>: the newest value of every slot, of one device or of up to 200.</summary>
internal static class GetLatestAll
{
    private const string Values =
        "SELECT d.device_id, l.slot, l.value::text, l.time FROM tenant.devices d LEFT JOIN tenant.latest l ON l.device_id = d.device_id";

    private const string OfOne = $"{Values} WHERE {DeviceSelector.Where} ORDER BY l.slot";

    private const string OfSeveral =
        $"{Values} WHERE d.device_id = ANY ($1) AND d.status IN ('claimed', 'active') ORDER BY d.device_id, l.slot";

    /// <param name="deviceIds">
    /// Instead of one device up to 200, by their ids, separated by commas or in several parameters. <example>["019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70"]</example>
    /// </param>
    public static async Task<Results<Ok<LatestValues>, ProblemResult>> HandleAsync(
        TenantScope tenant, [AsParameters] DeviceSelector device, [FromQuery(Name = "device_ids")] string[]? deviceIds, NpgsqlDataSource database,
        CancellationToken cancellation)
    {
        if (deviceIds is not { Length: > 0 })
        {
            if (device is { DeviceId: null, DeviceLabel: null or "" })
            {
                return Problem.BadRequest("device_id", "One of device_id, device_label and device_ids is needed");
            }

            if (device.Fault is { } fault)
            {
                return fault;
            }

            var one = new NpgsqlBatchCommand(OfOne);
            device.AddTo(one);
            var found = await ReadAsync(database, tenant.Id, one, cancellation);
            return found.Values.SingleOrDefault() is { } values
                ? TypedResults.Ok(new LatestValues { DeviceId = values.DeviceId, Values = values.Values })
                : DeviceSelector.NotFound;
        }

        if (device.DeviceId is not null || device.DeviceLabel is not null)
        {
            return Problem.BadRequest("device_ids", "Either device_ids or one device, not both");
        }

        if (DeviceIds.Refuse(deviceIds, out var ids) is { } refused)
        {
            return refused;
        }

        var several = new NpgsqlBatchCommand(OfSeveral)
        {
            Parameters = { new() { Value = ids.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid } },
        };
        var devices = await ReadAsync(database, tenant.Id, several, cancellation);
        return TypedResults.Ok(new LatestValues
        {
            Devices = [.. ids.Where(devices.ContainsKey).Select(id => devices[id])],
            NotFound = [.. ids.Where(id => !devices.ContainsKey(id))],
        });
    }

    private static async Task<Dictionary<Guid, DeviceValues>> ReadAsync(
        NpgsqlDataSource database, Guid tenant, NpgsqlBatchCommand query, CancellationToken cancellation)
    {
        var devices = new Dictionary<Guid, DeviceValues>();
        await using var reader = await database.QueryTenantAsync(tenant, query, cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            var id = reader.GetGuid(0);
            if (!devices.TryGetValue(id, out var device))
            {
                devices.Add(id, device = new DeviceValues(id, []));
            }

            if (!reader.IsDBNull(1))
            {
                device.Values.Add(new SlotValue(reader.GetInt16(1), new SentJson(reader.GetString(2)), reader.GetFieldValue<DateTimeOffset>(3)));
            }
        }

        return devices;
    }
}

/// <summary>The newest values: of one device, or of those that <c>device_ids</c> names.</summary>
public sealed record LatestValues
{
    /// <summary>The one device; absent with <c>device_ids</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Guid? DeviceId { get; init; }

    /// <summary>Its slots' newest values, ascending by slot; empty when it has none yet.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<SlotValue>? Values { get; init; }

    /// <summary>With <c>device_ids</c>: the devices, in the order asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<DeviceValues>? Devices { get; init; }

    /// <summary>With <c>device_ids</c>: those that are unknown, inactive or another tenant's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<Guid>? NotFound { get; init; }
}

/// <summary>A device's newest values.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Values">Ascending by slot; empty when it has none yet.</param>
public sealed record DeviceValues(Guid DeviceId, List<SlotValue> Values);

/// <summary>The newest value of a slot.</summary>
/// <param name="Slot">The slot. <example>0</example></param>
/// <param name="Value">The payload as it was sent: any JSON, <c>null</c> too. <example>{"value": 23.5}</example></param>
/// <param name="Timestamp">Time of the reading.</param>
public sealed record SlotValue(short Slot, SentJson Value, DateTimeOffset Timestamp);
