using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Replication;

/// <summary>One device, whosever it is: ingestion asks when a message is faster than the event about its device.</summary>
public static class GetDeviceState
{
    public static async Task<Results<Ok<DeviceState>, ProblemResult>> HandleAsync(
        Guid deviceId, SystemContext<DevicesDb> db, CancellationToken cancellation) =>
        await db.Value.Devices.Where(d => d.Id == deviceId).Select(DeviceState.Of).SingleOrDefaultAsync(cancellation) is { } state
            ? TypedResults.Ok(state)
            : Problem.NotFound("Device not found");
}
