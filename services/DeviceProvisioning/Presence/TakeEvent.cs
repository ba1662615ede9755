using EasySmart.DeviceProvisioning.Sessions;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;

namespace EasySmart.DeviceProvisioning.Presence;

/// <summary>
/// The broker tells of a client. 204 means stored; after 503 EMQX tells again, after 400 it does not, which is right for what will never be
/// understood.
/// </summary>
public static class TakeEvent
{
    public static async Task<Results<NoContent, ProblemResult>> HandleAsync(
        BrokerEvent told, EventCollector collector, SessionMetrics metrics, CancellationToken cancellation)
    {
        if (!EventReader.TryRead(told, out var @event))
        {
            metrics.Event("garbage");
            return Problem.BadRequest("This is no event of a client");
        }

        if (@event is null)
        {
            metrics.Event("ignored");
            return TypedResults.NoContent();
        }

        return await collector.StoreAsync(@event, cancellation)
            ? TypedResults.NoContent()
            : Problem.Unavailable("The event could not be stored", retryAfterSeconds: 1);
    }
}
