using System.ComponentModel.DataAnnotations;

namespace EasySmart.Identity.Accounts;

/// <summary>The field, when it is there, must hold a name for a tenant: 1 to 100 characters besides blanks at the ends, none of them a control character.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class TenantNameAttribute : ValidationAttribute
{
    public override bool IsValid(object? value) =>
        value is null || (value is string name && name.Trim().Length is >= 1 and <= Tenant.MaxNameLength && !name.Any(char.IsControl));

    public override string FormatErrorMessage(string name) => $"Must have 1 to {Tenant.MaxNameLength} characters, none of them a control character";

    /// <summary>The name of a tenant that was given none.</summary>
    public static string From(string email) => email.Length <= Tenant.MaxNameLength ? email : email[..Tenant.MaxNameLength];
}
