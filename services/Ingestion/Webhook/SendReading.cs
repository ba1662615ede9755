using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json.Serialization;
using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace EasySmart.Ingestion.Webhook;

/// <summary>
/// <c>POST /telemetry</c>: stores what a device published, for a broker that cannot be subscribed to, or for a program that stands for the
/// device. 200 means committed. 503 means that it could not be stored in time; sent again with the same <c>timestamp</c> or <c>ts</c> it is
/// stored once.
/// </summary>
public static class SendReading
{
    /// <param name="onLimit">
    /// <c>record</c>: a reading over the plan's quota is recorded as refused and answered 200, for a broker that would stand still at a 429.
    /// <example>record</example>
    /// </param>
    internal static async Task<Results<Ok<StoredReading>, ProblemResult>> HandleAsync(
        HttpRequest request, Caller caller, Reception reception, [FromQuery(Name = "on_limit")] string? onLimit, CancellationToken cancellation)
    {
        // Of another type the framework has told by now; of none it has not.
        if (string.IsNullOrEmpty(request.ContentType))
        {
            return new ProblemResult(415, "This route takes application/json");
        }

        if (onLimit is not (null or "record"))
        {
            return Problem.BadRequest("on_limit", "on_limit is record, or is left out");
        }

        var body = await ReadBodyAsync(request.BodyReader, cancellation);
        if (RequestReader.TryRead(body, out var read) is { } unreadable)
        {
            return unreadable;
        }

        var delivery = new Delivery();
        if (reception.Open(read, caller, delivery) is not { } message)
        {
            return Refusals.OtherTenant;
        }

        return !await reception.StoreAsync(delivery, body.Length, cancellation) ? Reception.NotStored
            : Refusals.Of(message) is { } refusal && (onLimit is null || message.Over is null) ? refusal
            : TypedResults.Ok(new StoredReading(true, message.DeviceId, message.Slot, RefusedReading.Of(message)));
    }

    private static async ValueTask<byte[]> ReadBodyAsync(PipeReader reader, CancellationToken cancellation)
    {
        // Ends with the body; the server ends one that is too long.
        var read = await reader.ReadAtLeastAsync(int.MaxValue, cancellation);
        var body = read.Buffer.ToArray();
        reader.AdvanceTo(read.Buffer.End);
        return body;
    }
}

/// <summary>What was sent is committed.</summary>
/// <param name="Success">Always true. <example>true</example></param>
/// <param name="DeviceId">The topic's device.</param>
/// <param name="Slot">The topic's slot. <example>0</example></param>
/// <param name="Rejected">Which readings of a payload with many were refused; absent when none was.</param>
public sealed record StoredReading(
    bool Success,
    Guid DeviceId,
    short Slot,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<RefusedReading>? Rejected);

/// <summary>A reading that was refused, though others of its payload were stored.</summary>
/// <param name="Index">Its place in the payload, from 0. <example>1</example></param>
/// <param name="Reason">Why, for programs. <example>bad_timestamp</example></param>
/// <param name="Message">Why, for people. <example>ts is neither epoch milliseconds nor an RFC 3339 time that can be stored</example></param>
public sealed record RefusedReading(int Index, string Reason, string Message)
{
    internal static IReadOnlyList<RefusedReading>? Of(Message message)
    {
        List<RefusedReading>? refused = null;
        for (var i = 0; i < message.Readings.Length; i++)
        {
            if (message.Readings[i].Rejection is { } reason)
            {
                (refused ??= []).Add(new RefusedReading(i, reason, RejectionReasons.Explain(reason)));
            }
        }

        return refused;
    }
}
