using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using System.Text;

namespace EasySmart.Identity.Passwords;

/// <summary>Which passwords people may choose (contract.md §1).</summary>
internal static class PasswordRule
{
    public const int MinLength = 8;
    public const int MaxLength = 128;
    public const string Words = "Must have 8 to 128 characters, with upper case, lower case, digit and special character";

    // Without the characters that people mistake for one another when they copy a password by hand.
    private const string Generated = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_.+=";

    /// <summary>Characters are counted as people see them typed: an emoji is one.</summary>
    public static bool Accepts(string? password)
    {
        if (password is null)
        {
            return false;
        }

        var runes = password.EnumerateRunes().ToArray();
        return runes.Length is >= MinLength and <= MaxLength
            && runes.Any(Rune.IsUpper)
            && runes.Any(Rune.IsLower)
            && runes.Any(Rune.IsDigit)
            && runes.Any(rune => !Rune.IsLetterOrDigit(rune) && !Rune.IsControl(rune));
    }

    /// <summary>A password of about 140 random bits that the rule accepts.</summary>
    public static string Generate()
    {
        while (true)
        {
            var password = RandomNumberGenerator.GetString(Generated, 24);
            if (Accepts(password))
            {
                return password;
            }
        }
    }
}

/// <summary>The field must hold a password that people may choose.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class AccountPasswordAttribute : ValidationAttribute
{
    public override bool IsValid(object? value) => PasswordRule.Accepts(value as string);

    public override string FormatErrorMessage(string name) => PasswordRule.Words;
}
