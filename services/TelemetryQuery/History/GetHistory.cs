using System.ComponentModel.DataAnnotations;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.TelemetryQuery.Values;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace EasySmart.TelemetryQuery.History;

/// <summary>
/// <c>GET /telemetry/history</c>: a slot's readings, page by page. What is written while the pages are read moves nothing: each begins after
/// the last reading of the one before. A page of very large payloads (4 MiB) is shorter than <c>limit</c>; only a page without a <c>Link</c>
/// is the last.
/// </summary>
internal static class GetHistory
{
    private const int DefaultLimit = 1000;

    /// <param name="slot">The slot, from 0 to 32767. <example>0</example></param>
    /// <param name="limit">Most that one page holds, from 1 to 10000; 1000 when absent. <example>1000</example></param>
    /// <param name="order">desc (as when absent) for the newest first, asc for the oldest. <example>desc</example></param>
    /// <param name="cursor">From the <c>Link</c> of the page before.</param>
    public static async Task<Results<Ok<IEnumerable<HistoryReading>>, ProblemResult>> HandleAsync(
        TenantScope tenant, [AsParameters] DeviceSelector device, [Range(0, short.MaxValue)] short slot, [AsParameters] RangeQuery range,
        [Range(1, 10_000)] int? limit, string? order, string? cursor, NpgsqlDataSource database, TimeProvider clock, HttpResponse response,
        CancellationToken cancellation)
    {
        var refused = range.Refuse(clock.GetUtcNow(), out var asked);
        if ((device.Fault ?? refused) is { } fault)
        {
            return fault;
        }

        if (order is not (null or "asc" or "desc"))
        {
            return Problem.BadRequest("order", "Must be asc or desc");
        }

        var place = cursor is null ? null : HistoryCursor.Read(cursor);
        if (cursor is not null && place?.Slot != slot)
        {
            return Problem.BadRequest("cursor", "Must be one that a Link header gave for this slot");
        }

        if (await device.FindAsync(database, tenant.Id, cancellation) is not { } id)
        {
            return DeviceSelector.NotFound;
        }

        var newestFirst = order != "asc";
        var left = place is null ? asked : newestFirst ? asked.Before(place.Time) : asked.After(place.Time);
        var reader = new SeriesReader(database, tenant.Id, id, slot, left, newestFirst);
        var (readings, most) = (new List<StoredReading>(), limit ?? DefaultLimit);
        while (!reader.AtEnd && readings.Count <= most && (readings.Count < 2 || readings.Sum(r => r.Payload?.Length ?? 0) < SeriesReader.MostText))
        {
            await reader.ReadAsync(readings, most + 1 - readings.Count, cancellation);
        }

        var page = Paging.Cut(
            readings, reader.AtEnd ? most : Math.Min(most, readings.Count - 1), response, r => new HistoryCursor(r.Time, slot).ToString());
        return TypedResults.Ok(page.Select(r => new HistoryReading(slot, r.Sent, new DateTimeOffset(r.Time))));
    }
}

/// <summary>A reading.</summary>
/// <param name="Slot">The slot. <example>0</example></param>
/// <param name="Value">The payload as it was sent: any JSON, <c>null</c> too. <example>{"value": 23.5}</example></param>
/// <param name="Timestamp">Time of the reading.</param>
public sealed record HistoryReading(short Slot, SentJson Value, DateTimeOffset Timestamp);
