using System.ComponentModel.DataAnnotations;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.RegularExpressions;

namespace EasySmart.Identity.Accounts;

/// <summary>
/// Which e-mail addresses can name an account. ASCII only: letters that look alike, or whose case depends on the language, would let two
/// accounts pass for one.
/// </summary>
internal static partial class EmailAddress
{
    public const int MaxLength = 254;
    private const int MaxLocalLength = 64;

    /// <summary>The address in the one form in which it is stored and looked up: trimmed, lower case.</summary>
    public static bool TryRead(string? text, [NotNullWhen(true)] out string? address)
    {
        // Before lowering: there are letters outside ASCII whose lower case is within.
        address = text is not null && Ascii.IsValid(text) ? text.Trim().ToLowerInvariant() : null;
        if (address is { Length: <= MaxLength } && address.IndexOf('@') <= MaxLocalLength && Pattern().IsMatch(address))
        {
            return true;
        }

        address = null;
        return false;
    }

    // RFC 5321's dot-string and host name (63 octets in a label), and a domain with at least one dot.
    [GeneratedRegex(
        @"\A[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])\z",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Pattern();
}

/// <summary>The field must hold an e-mail address that can name an account.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class AccountEmailAttribute : ValidationAttribute
{
    public override bool IsValid(object? value) => EmailAddress.TryRead(value as string, out _);

    public override string FormatErrorMessage(string name) => "Must be an e-mail address, such as ana@example.com";
}
