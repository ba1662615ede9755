using System.Globalization;
using System.Text;

namespace EasySmart.Notifier.Notifications;

/// <summary>A message to the operator's people, in the one layout of contract.md §3: a header, then the fields that are not empty, in order.</summary>
/// <param name="Header">The header line.</param>
/// <param name="OccurredAt">When it happened; shown in the operator's time zone.</param>
public sealed record Message(string Header, DateTimeOffset OccurredAt)
{
    /// <summary>A new user's e-mail address.</summary>
    public string? Email { get; init; }

    /// <summary>A new user's role.</summary>
    public string? Role { get; init; }

    /// <summary>The user that it is about, or who did it.</summary>
    public Guid? UserId { get; init; }

    /// <summary>The tenant.</summary>
    public Guid? TenantId { get; init; }

    /// <summary>The e-mail address of who did it.</summary>
    public string? UserEmail { get; init; }

    /// <summary>The device.</summary>
    public Guid? DeviceId { get; init; }

    /// <summary>The device's label.</summary>
    public string? DeviceLabel { get; init; }

    /// <summary>How the device came: <c>provision</c> or <c>claim</c>.</summary>
    public string? Source { get; init; }

    /// <summary>The device's status.</summary>
    public string? Status { get; init; }

    /// <summary>The quota that was met.</summary>
    public string? Quota { get; init; }

    /// <summary>The <c>X-Request-ID</c> behind it.</summary>
    public string? RequestId { get; init; }

    /// <summary>The message as people read it.</summary>
    public string Text(TimeZoneInfo zone)
    {
        (string Name, string? Value)[] fields =
        [
            ("email", Email),
            ("role", Role),
            ("user_id", UserId?.ToString()),
            ("tenant_id", TenantId?.ToString()),
            ("user_email", UserEmail),
            ("device_id", DeviceId?.ToString()),
            ("device_label", DeviceLabel),
            ("source", Source),
            ("status", Status),
            ("quota", Quota),
            ("request_id", RequestId),
            ("horario", TimeZoneInfo.ConvertTime(OccurredAt, zone).ToString("dd'/'MM'/'yyyy HH':'mm':'ss", CultureInfo.InvariantCulture)),
        ];
        var text = new StringBuilder(Header);
        foreach (var (name, value) in fields)
        {
            if (!string.IsNullOrEmpty(value))
            {
                text.Append(CultureInfo.InvariantCulture, $"\n• {name}: {value}");
            }
        }

        return text.ToString();
    }
}
