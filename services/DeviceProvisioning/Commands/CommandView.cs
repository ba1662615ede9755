using System.Text.Json;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>A command and what became of it.</summary>
/// <param name="CommandId">Its id, which the device answers under.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="Name">What to do. <example>open-valve</example></param>
/// <param name="Payload">Whatever else the device needs to know; null when nothing. <example>{"percent": 40}</example></param>
/// <param name="State">
/// How far it has come. A command whose answer comes late, after it had <c>expired</c>, is <c>acknowledged</c> or <c>failed</c> all the same if it
/// had been sent: the device did it, or could not.
/// </param>
/// <param name="CreatedAt">When it was given.</param>
/// <param name="ExpiresAt">From when on it is not delivered any more.</param>
/// <param name="SentAt">When the broker last took it for the device; null when it has not.</param>
/// <param name="FinishedAt">When it was answered or expired; null while it is open.</param>
/// <param name="Result">What the device answered; null when nothing. <example>{"percent": 40}</example></param>
/// <param name="Error">What the device said went wrong; null when nothing. <example>valve is stuck</example></param>
public sealed record CommandView(
    Guid CommandId,
    Guid DeviceId,
    string Name,
    JsonElement? Payload,
    CommandState State,
    DateTimeOffset CreatedAt,
    DateTimeOffset ExpiresAt,
    DateTimeOffset? SentAt,
    DateTimeOffset? FinishedAt,
    JsonElement? Result,
    string? Error)
{
    internal static CommandView Of(Command command) => new(
        command.Id,
        command.DeviceId,
        command.Name,
        Parse(command.Payload),
        command.State,
        command.CreatedAt,
        command.ExpiresAt,
        command.SentAt,
        command.FinishedAt,
        Parse(command.Result),
        command.Error);

    private static JsonElement? Parse(string? json) => json is null ? null : JsonElement.Parse(json);
}
