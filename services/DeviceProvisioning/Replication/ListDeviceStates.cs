using System.ComponentModel.DataAnnotations;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Replication;

/// <summary>
/// A page of the snapshot, by version. A change that commits late with a version that a reader has passed already is no gap: its event
/// is published after that commit.
/// </summary>
public static class ListDeviceStates
{
    private const int DefaultLimit = 1000;

    public static async Task<Ok<List<DeviceState>>> HandleAsync(
        SystemContext<DevicesDb> db, long? after, [Range(1, 10_000)] int? limit, CancellationToken cancellation) =>
        TypedResults.Ok(await db.Value.Devices
            .Where(d => d.Version > (after ?? 0))
            .OrderBy(d => d.Version)
            .Take(limit ?? DefaultLimit)
            .Select(DeviceState.Of)
            .ToListAsync(cancellation));
}
