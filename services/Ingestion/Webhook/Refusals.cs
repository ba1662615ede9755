using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.Ingestion.Webhook;

/// <summary>What the sender of a message that was refused is answered, once the refusal is recorded.</summary>
internal static class Refusals
{
    private static readonly TimeBounds Any = new(long.MinValue, long.MaxValue);

    /// <summary>The caller's tenant is not the topic's.</summary>
    public static ProblemResult OtherTenant => Problem.Forbidden("The topic names another tenant than this caller's");

    /// <summary>The answer; null when at least one of its readings was stored.</summary>
    public static ProblemResult? Of(Message message)
    {
        if (message is { Rejection: { } quota, Over: { } over })
        {
            return Problem.QuotaExceeded(RejectionReasons.Explain(quota), over.Details, over.RetryAfterSeconds);
        }

        if (message.Rejection is { } all)
        {
            return For(message, all);
        }

        if (!Array.TrueForAll(message.Readings, reading => reading.Rejection is not null))
        {
            return null;
        }

        var reasons = message.Readings.Select(reading => reading.Rejection!).Distinct().ToArray();
        return reasons is [var one] ? For(message, one) : new ProblemResult(400, "None of the readings can be stored", new Dictionary<string, string[]>
        {
            ["payload"] = [.. reasons.Select(RejectionReasons.Explain)],
        });
    }

    /// <summary>Why all of it is refused, for programs; null when at least one of its readings was stored.</summary>
    public static string? ReasonOf(Message message) => message.Rejection
        ?? (Array.TrueForAll(message.Readings, reading => reading.Rejection is not null) ? message.Readings[0].Rejection : null);

    private static ProblemResult For(Message message, string reason)
    {
        var sentence = RejectionReasons.Explain(reason);
        return reason switch
        {
            Rejections.UnknownDevice or Rejections.DeviceInactive => Problem.NotFound("Device not found or inactive"),
            Rejections.TenantMismatch or Rejections.SenderMismatch or Rejections.TenantSuspended => Problem.Forbidden(sentence),
            Rejections.Conflict => Problem.Conflict(sentence),
            Rejections.TooLarge => new ProblemResult(413, sentence),
            _ => Problem.BadRequest(FieldOf(message, reason), sentence),
        };
    }

    private static string FieldOf(Message message, string reason) => reason switch
    {
        Rejections.BadTopic or Rejections.BadSlot => "topic",
        Rejections.BadTimestamp => "ts",
        Rejections.TimestampInFuture or Rejections.TimestampTooOld =>
            PayloadReader.Read(message.Payload.Span, Any, out var payload, out _) is null && payload.Time is null && message.SentAt is not null
                ? "timestamp" : "ts",
        _ => "payload",
    };
}
