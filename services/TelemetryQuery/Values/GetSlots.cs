using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace EasySmart.TelemetryQuery.Values;

/// <summary><c>GET /telemetry/slots</c>: the slots that hold a value.</summary>
internal static class GetSlots
{
    private const string Sql =
        $"""
        SELECT d.device_id, ARRAY(SELECT l.slot FROM tenant.latest l WHERE l.device_id = d.device_id ORDER BY l.slot)
        FROM tenant.devices d
        WHERE {DeviceSelector.Where}
        """;

    public static async Task<Results<Ok<DeviceSlots>, ProblemResult>> HandleAsync(
        TenantScope tenant, [AsParameters] DeviceSelector device, NpgsqlDataSource database, CancellationToken cancellation)
    {
        if (device.Fault is { } fault)
        {
            return fault;
        }

        var query = new NpgsqlBatchCommand(Sql);
        device.AddTo(query);
        await using var reader = await database.QueryTenantAsync(tenant.Id, query, cancellation);
        return await reader.ReadAsync(cancellation)
            ? TypedResults.Ok(new DeviceSlots(reader.GetGuid(0), reader.GetFieldValue<short[]>(1)))
            : DeviceSelector.NotFound;
    }
}

/// <summary>The slots of a device that hold a value.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Slots">Slot numbers, ascending. <example>[0, 7, 100]</example></param>
public sealed record DeviceSlots(Guid DeviceId, IReadOnlyList<short> Slots);
