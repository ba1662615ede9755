using System.Net.ServerSentEvents;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.TelemetryQuery.Values;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Npgsql;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>
/// <c>GET /telemetry/stream</c>: readings as they are stored, as server-sent events, of one device, of several or of the whole tenant. Event
/// <c>reading</c>: <c>{device_id, slot, value, timestamp}</c>, late ones too. <c>ping</c>: every 15 seconds, and at once; that first one
/// names in <c>not_found</c> which of <c>device_ids</c> are unknown or inactive. <c>gap</c>: <c>{from, to, reason}</c>, readings that arrived
/// then may be missing here (<c>too_old</c>: more than an hour ago; <c>too_many</c>: more than 10,000) and are in the history. <c>end</c>:
/// <c>{code, message}</c>, the last event (<c>slow_reader</c>, <c>expired</c> after an hour, <c>stopping</c>); connect again. The id of the
/// last event, sent back as <c>Last-Event-ID</c> (as a browser does) or <c>last_event_id</c>, resumes from there; of what arrived meanwhile,
/// readings whose own time was more than 15 minutes earlier are in the history only. No reading comes twice on one connection while nothing
/// is disturbed; around a reconnect, of whatever side, those of the last 30 seconds may.
/// </summary>
internal static class FollowReadings
{
    /// <param name="lastEventId">The id of the last event that was received; the stream resumes there. <example>1771113600000000</example></param>
    /// <param name="lastEventIdOfBrowser">The same, as a browser's <c>EventSource</c> sends it when it connects again by itself.</param>
    public static async Task<Results<ServerSentEventsResult<string>, ProblemResult>> HandleAsync(
        TenantScope tenant, [AsParameters] FollowedDevices devices, [FromQuery(Name = "last_event_id")] string? lastEventId,
        [FromHeader(Name = "Last-Event-ID")] string? lastEventIdOfBrowser, StreamHub hub, NpgsqlDataSource database, HttpContext context,
        CancellationToken cancellation)
    {
        // A browser keeps the address that it was given, so what it adds is newer.
        var given = string.IsNullOrEmpty(lastEventIdOfBrowser) ? lastEventId : lastEventIdOfBrowser;
        DateTimeOffset? resumeAt = null;
        if (!string.IsNullOrEmpty(given))
        {
            if (!Position.TryParse(given, out var position))
            {
                return Problem.BadRequest("last_event_id", "Is not the id of an event of this stream");
            }

            resumeAt = position;
        }

        var (followed, problem) = await devices.FindAsync(tenant.Id, database, cancellation);
        if (problem is not null)
        {
            return problem;
        }

        // Who reads slowly is told so by us, and not cut off without a word.
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        context.Response.Headers["X-Accel-Buffering"] = "no";
        return TypedResults.ServerSentEvents(hub.Open(tenant.Id, followed!, resumeAt, context.Abort).FollowAsync(cancellation));
    }
}

/// <summary>Data of the event <c>reading</c>.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Slot">The slot. <example>0</example></param>
/// <param name="Value">The payload as it was sent: any JSON. <example>{"value": 23.5}</example></param>
/// <param name="Timestamp">Time of the reading.</param>
public sealed record StreamedReading(Guid DeviceId, short Slot, SentJson Value, DateTimeOffset Timestamp);
