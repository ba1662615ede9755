using System.Text.Json.Serialization;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;

namespace EasySmart.Ingestion.Webhook;

/// <summary>
/// <c>POST /telemetry/batch</c>: stores up to 10,000 readings, each as <c>POST /telemetry</c> takes it: a JSON array, or a line for each as
/// <c>application/x-ndjson</c>; 16 MiB at most. 200 means that all of them are committed, or refused as the answer says; 429, that the plan's
/// quotas refuse each of them, of which it tells the one to be waited for longest. 503 means that some may not be stored: the whole may be sent again, and what has a <c>timestamp</c> or <c>ts</c> is stored once.
/// </summary>
public static class SendReadings
{
    public const int MaxBytes = 16 << 20;
    private const string Lines = "application/x-ndjson";

    internal static async Task<Results<Ok<StoredReadings>, ProblemResult>> HandleAsync(
        HttpRequest request, Caller caller, Reception reception, CancellationToken cancellation)
    {
        // Of another type the framework has told by now; of none it has not.
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type))
        {
            return new ProblemResult(415, $"This route takes application/json or {Lines}");
        }

        // To a file first: memory is given to what is there, and not to what somebody sends slowly.
        request.EnableBuffering();
        await request.Body.CopyToAsync(Stream.Null, cancellation);
        var length = (int)request.Body.Position;
        using var room = reception.RoomForMany(length);
        if (room is null)
        {
            return Reception.NotStored;
        }

        var body = new byte[length];
        request.Body.Position = 0;
        await request.Body.ReadExactlyAsync(body, cancellation);
        var unreadable = type.MediaType.Equals(Lines, StringComparison.OrdinalIgnoreCase)
            ? BatchItems.TryReadLines(body, out var items)
            : BatchItems.TryReadArray(body, out items);
        return unreadable is not null ? unreadable : await StoreAsync(items, caller, reception, cancellation);
    }

    private static async Task<Results<Ok<StoredReadings>, ProblemResult>> StoreAsync(
        List<ReadOnlyMemory<byte>> items, Caller caller, Reception reception, CancellationToken cancellation)
    {
        var delivery = new Delivery();
        var messages = new Message?[items.Count];
        var refused = new ProblemResult?[items.Count];
        for (var i = 0; i < items.Count; i++)
        {
            refused[i] = RequestReader.TryRead(items[i], out var read);
            if (refused[i] is null && (messages[i] = reception.Open(read, caller, delivery)) is null)
            {
                refused[i] = Refusals.OtherTenant;
            }
        }

        if (!await reception.StoreManyAsync(delivery, cancellation))
        {
            return Reception.NotStored;
        }

        if (messages.MaxBy(message => message?.Over?.RetryAfterSeconds) is { } last && Array.TrueForAll(messages, message => message?.Over is not null))
        {
            return Refusals.Of(last)!;
        }

        var errors = new List<RefusedItem>();
        for (var i = 0; i < items.Count; i++)
        {
            if (RefusedItem.Of(i, refused[i], messages[i]) is { } error)
            {
                errors.Add(error);
            }
        }

        var rejected = errors.Count(error => error.Rejected is null);
        return TypedResults.Ok(new StoredReadings(items.Count - rejected, rejected, errors));
    }
}

/// <summary>What has become of many readings.</summary>
/// <param name="Accepted">How many are committed. <example>9999</example></param>
/// <param name="Rejected">How many are refused. <example>1</example></param>
/// <param name="Errors">Why those are refused; of the others nothing is said.</param>
public sealed record StoredReadings(int Accepted, int Rejected, IReadOnlyList<RefusedItem> Errors);

/// <summary>A reading of many that was refused.</summary>
/// <param name="Index">Its place among them, from 0; blank lines do not count. <example>17</example></param>
/// <param name="Code">As in the error envelope. <example>bad_request</example></param>
/// <param name="Message">What is wrong with it. <example>The payload is not JSON</example></param>
/// <param name="Reason">Why, as it is recorded for the device; absent when it is not. <example>bad_json</example></param>
/// <param name="Rejected">Its payload is many readings, of which only these were refused; absent when all of it was.</param>
public sealed record RefusedItem(
    int Index,
    string Code,
    string Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Reason,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<RefusedReading>? Rejected)
{
    internal static RefusedItem? Of(int index, ProblemResult? unread, Message? message)
    {
        if ((unread ?? Refusals.Of(message!)) is { } refusal)
        {
            return new RefusedItem(index, CodeOf(refusal.Status), refusal.Message, message is null ? null : Refusals.ReasonOf(message), null);
        }

        return RefusedReading.Of(message!) is { } some
            ? new RefusedItem(index, CodeOf(400), "Some of its readings are refused", null, some)
            : null;
    }

    private static string CodeOf(int status) => status switch
    {
        403 => "forbidden",
        404 => "not_found",
        409 => "conflict",
        413 => "payload_too_large",
        429 => "quota_exceeded",
        _ => "bad_request",
    };
}
