using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>The rules for a label (contract.md §1). It serves as MQTT user name, so it can be no topic wildcard and no device id.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DeviceLabelAttribute : ValidationAttribute
{
    private const int MaxLength = 50;

    // Without i, l, o and u: it is read out over the telephone.
    private const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

    /// <summary>What is wrong with a label; null when nothing is.</summary>
    public static string? Fault(string label) => label switch
    {
        "" => "Must not be empty",
        // A character outside the basic plane counts once, as the database counts.
        _ when label.EnumerateRunes().Count() > MaxLength => $"At most {MaxLength} characters",
        _ when label.Any(char.IsControl) => "Control characters are not allowed",
        _ when label.AsSpan().ContainsAny('+', '#', '/') => "The characters + # and / are not allowed",
        _ when Guid.TryParse(label, out _) => "Must not look like a UUID",
        _ => null,
    };

    /// <summary>A label for a device that was given none, such as <c>device-7k3mz0qp</c>. Chance may repeat one.</summary>
    public static string MakeUp() => $"device-{RandomNumberGenerator.GetString(Alphabet, 8)}";

    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is string label && Fault(label) is { } fault ? new ValidationResult(fault, [validationContext.MemberName!]) : ValidationResult.Success;
}
