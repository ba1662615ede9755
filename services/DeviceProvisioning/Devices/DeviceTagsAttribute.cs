using System.ComponentModel.DataAnnotations;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>The rules for tags. A comma would part a tag in two where lists are written as text.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DeviceTagsAttribute : ValidationAttribute
{
    private const int Most = 20;
    private const int MaxLength = 32;

    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is string?[] tags && Fault(tags) is { } fault ? new ValidationResult(fault, [validationContext.MemberName!]) : ValidationResult.Success;

    private static string? Fault(string?[] tags) => tags switch
    {
        { Length: > Most } => $"At most {Most} tags",
        _ when tags.Any(tag => string.IsNullOrEmpty(tag) || tag.EnumerateRunes().Count() > MaxLength) => $"Each of 1 to {MaxLength} characters",
        _ when tags.Any(tag => tag!.Contains(',', StringComparison.Ordinal) || tag.Any(char.IsControl)) => "Without control characters and commas",
        _ when tags.Distinct(StringComparer.Ordinal).Count() < tags.Length => "No tag twice",
        _ => null,
    };
}
