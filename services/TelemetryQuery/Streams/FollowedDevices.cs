using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using EasySmart.TelemetryQuery.Values;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>Whose readings are followed: one device, several, or without any of these the whole tenant's.</summary>
public sealed record FollowedDevices
{
    /// <summary>One device's id; either this, the label or a list.</summary>
    [FromQuery(Name = "device_id")]
    public Guid? DeviceId { get; init; }

    /// <summary>One device's label; either this, the id or a list.</summary>
    /// <example>pump-7</example>
    [FromQuery(Name = "device_label")]
    public string? DeviceLabel { get; init; }

    /// <summary>Ids of at most 200 devices, with commas between them.</summary>
    /// <example>["019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70"]</example>
    [FromQuery(Name = "device_ids")]
    public string[]? DeviceIds { get; init; }

    /// <summary>Finds the devices, as they are when the stream opens.</summary>
    internal async Task<(Followed? Followed, ProblemResult? Problem)> FindAsync(Guid tenant, NpgsqlDataSource database, CancellationToken cancellation)
    {
        if (DeviceIds is { Length: > 0 })
        {
            return DeviceId is not null || DeviceLabel is not null
                ? (null, Problem.BadRequest("device_ids", "Either device_ids or one device, not both"))
                : await FindSeveralAsync(tenant, database, cancellation);
        }

        if (DeviceId is null && DeviceLabel is null)
        {
            return (new Followed(null, []), null);
        }

        var one = new DeviceSelector { DeviceId = DeviceId, DeviceLabel = DeviceLabel };
        if (one.Fault is { } fault)
        {
            return (null, fault);
        }

        return await one.FindAsync(database, tenant, cancellation) is { } found
            ? (new Followed(new HashSet<Guid> { found }, []), null)
            : (null, DeviceSelector.NotFound);
    }

    private async Task<(Followed? Followed, ProblemResult? Problem)> FindSeveralAsync(
        Guid tenant, NpgsqlDataSource database, CancellationToken cancellation)
    {
        if (Values.DeviceIds.Refuse(DeviceIds!, out var ids) is { } refused)
        {
            return (null, refused);
        }

        var query = new NpgsqlBatchCommand("SELECT d.device_id FROM tenant.devices d WHERE d.device_id = ANY($1) AND d.status IN ('claimed', 'active')")
        {
            Parameters = { new() { Value = ids.ToArray() } },
        };
        var found = new HashSet<Guid>();
        await using var reader = await database.QueryTenantAsync(tenant, query, cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            found.Add(reader.GetGuid(0));
        }

        return (new Followed(found, [.. ids.Except(found)]), null);
    }
}

/// <summary>The devices of a stream.</summary>
/// <param name="Devices">Their ids; null for all of the tenant.</param>
/// <param name="NotFound">Which were asked for and are not there.</param>
internal sealed record Followed(IReadOnlySet<Guid>? Devices, IReadOnlyList<Guid> NotFound);
