using System.ComponentModel;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace EasySmart.Identity.Auditing;

/// <summary>Which records are asked for. What is absent excludes nothing.</summary>
public sealed record AuditFilter
{
    private const int MaxLength = 200;

    /// <summary>From this time on.</summary>
    [FromQuery(Name = "from"), Description("From this time on (RFC 3339)")]
    public DateTimeOffset? From { get; init; }

    /// <summary>Up to this time, which is not included.</summary>
    [FromQuery(Name = "to"), Description("Up to this time, which is not included (RFC 3339)")]
    public DateTimeOffset? To { get; init; }

    /// <summary>Exactly this, or with <c>*</c> at its end everything that begins so.</summary>
    [FromQuery(Name = "event_type"), Description("Exactly this type, or with * at its end every type that begins so: auth.login, auth.*")]
    public string? EventType { get; init; }

    /// <summary>The first word of the type.</summary>
    [FromQuery(Name = "event_category")]
    public string? EventCategory { get; init; }

    /// <summary>The id of who acted.</summary>
    [FromQuery(Name = "actor_id")]
    public string? ActorId { get; init; }

    /// <summary>What acted.</summary>
    [FromQuery(Name = "actor_type"), Description("user, api_key, device, system or anonymous")]
    public string? ActorType { get; init; }

    /// <summary>The user whom it concerns.</summary>
    [FromQuery(Name = "user_id")]
    public Guid? UserId { get; init; }

    /// <summary>The device that it concerns.</summary>
    [FromQuery(Name = "device_id")]
    public Guid? DeviceId { get; init; }

    /// <summary>The kind of thing acted upon.</summary>
    [FromQuery(Name = "resource_type")]
    public string? ResourceType { get; init; }

    /// <summary>The id of the thing acted upon.</summary>
    [FromQuery(Name = "resource_id")]
    public string? ResourceId { get; init; }

    /// <summary>How it went.</summary>
    [FromQuery(Name = "result"), Description("success, failed, denied or skipped")]
    public string? Result { get; init; }

    private IEnumerable<(string Field, string? Text)> Texts =>
    [
        ("event_type", EventType), ("event_category", EventCategory), ("actor_id", ActorId), ("actor_type", ActorType),
        ("resource_type", ResourceType), ("resource_id", ResourceId), ("result", Result),
    ];

    /// <summary>The answer to values that can match nothing or that PostgreSQL does not take; null when all may be asked.</summary>
    internal ProblemResult? Refuse()
    {
        foreach (var (field, text) in Texts)
        {
            if (text is "" or { Length: > MaxLength } || text?.Any(char.IsControl) == true)
            {
                return Problem.BadRequest(field, $"Must have 1 to {MaxLength} characters and no control characters");
            }
        }

        return From > To ? Problem.BadRequest("from", "Must not be after `to`") : null;
    }

    /// <summary>Conditions on the table <c>audit</c>, with their parameters.</summary>
    internal IEnumerable<(string Condition, object Value)> Conditions()
    {
        (string, object?)[] all =
        [
            ("timestamp >=", From?.ToUniversalTime()), ("timestamp <", To?.ToUniversalTime()), ("user_id =", UserId), ("device_id =", DeviceId),
            // Not LIKE: PostgreSQL holds that back until row-level security has had its say on every row, and then no index helps.
            EventType is { } type && type.EndsWith('*') ? ("event_type ^@", type[..^1]) : ("event_type =", EventType),
            ("event_category =", EventCategory), ("actor_id =", ActorId), ("actor_type =", ActorType), ("resource_type =", ResourceType),
            ("resource_id =", ResourceId), ("result =", Result),
        ];
        return all.Where(one => one.Item2 is not null)!;
    }

    /// <summary>What was asked, for the record of an export.</summary>
    internal Dictionary<string, string> Asked()
    {
        var asked = Texts.Where(one => one.Text is not null).ToDictionary(one => one.Field, one => one.Text!);
        (string Field, IFormattable? Value)[] rest =
            [("from", From?.UtcDateTime), ("to", To?.UtcDateTime), ("user_id", UserId), ("device_id", DeviceId)];
        foreach (var (field, value) in rest.Where(one => one.Value is not null))
        {
            asked[field] = value!.ToString(value is DateTime ? "O" : null, System.Globalization.CultureInfo.InvariantCulture);
        }

        return asked;
    }
}
