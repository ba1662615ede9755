using System.Security.Cryptography;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.ApiKeys;
using EasySmart.Identity.Passwords;
using EasySmart.Identity.Tokens;
using Microsoft.Extensions.Options;

namespace EasySmart.Identity;

/// <summary>Who may make an account.</summary>
internal enum Registration
{
    /// <summary>Anybody, each with a new tenant.</summary>
    Open,

    /// <summary>Nobody by themselves.</summary>
    Closed,
}

/// <summary>Section <c>Identity</c>.</summary>
internal sealed record IdentityOptions
{
    public const string Section = "Identity";

    public Registration Registration { get; init; }

    /// <summary>Base64 of a PKCS#8 P-256 private key, which signs access tokens. Has no default.</summary>
    public string SigningKey { get; init; } = "";

    /// <summary>
    /// Base64 of the SubjectPublicKeyInfo of P-256 keys that are published beside the signing key: the next one before it signs, the last
    /// one until its tokens have expired.
    /// </summary>
    public string[] VerificationKeys { get; init; } = [];

    /// <summary>How long an access token passes, in seconds.</summary>
    public int AccessTokenSeconds { get; init; } = 3600;

    /// <summary>The API key with which EMQX's HTTP action sends readings, made at the first start that it is set; none when empty.</summary>
    public string WebhookApiKey { get; init; } = "";

    public SuperAdminOptions SuperAdmin { get; init; } = new();
}

/// <summary>Section <c>Identity:SuperAdmin</c>: the account made at the first start; later it changes nothing.</summary>
internal sealed record SuperAdminOptions
{
    public string Email { get; init; } = "";

    public string Password { get; init; } = "";

    public bool IsGiven => Email.Length > 0 || Password.Length > 0;
}

internal static class IdentityConfiguration
{
    /// <summary>Checked before anything starts.</summary>
    public static void AddIdentityOptions(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<IdentityOptions>().BindConfiguration(IdentityOptions.Section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<IdentityOptions>, IdentityOptionsValidator>();
    }
}

/// <summary>Says everything that is wrong at once, by the keys that an operator sets. Never repeats a value: they are secrets.</summary>
internal sealed class IdentityOptionsValidator : IValidateOptions<IdentityOptions>
{
    public ValidateOptionsResult Validate(string? name, IdentityOptions options)
    {
        var errors = Errors(options).ToList();
        return errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
    }

    private static IEnumerable<string> Errors(IdentityOptions options)
    {
        if (!Enum.IsDefined(options.Registration))
        {
            yield return "Identity:Registration must be open or closed";
        }

        if (!IsKey(SigningKeys.Import, options.SigningKey))
        {
            yield return "Identity:SigningKey must be the base64 of a PKCS#8 P-256 private key";
        }

        for (var i = 0; i < options.VerificationKeys.Length; i++)
        {
            if (!IsKey(SigningKeys.ImportPublic, options.VerificationKeys[i]))
            {
                yield return $"Identity:VerificationKeys:{i} must be the base64 of the SubjectPublicKeyInfo of a P-256 key";
            }
        }

        if (options.AccessTokenSeconds is < 60 or > 86_400)
        {
            yield return "Identity:AccessTokenSeconds must be from 60 to 86400";
        }

        if (options.WebhookApiKey.Length > 0 && !ApiKey.IsText(options.WebhookApiKey))
        {
            yield return "Identity:WebhookApiKey must be esk_ and 43 characters of base64url";
        }

        if (options.SuperAdmin.IsGiven && !EmailAddress.TryRead(options.SuperAdmin.Email, out _))
        {
            yield return "Identity:SuperAdmin:Email must be an e-mail address when Identity:SuperAdmin:Password is set";
        }

        if (options.SuperAdmin.IsGiven && !PasswordRule.Accepts(options.SuperAdmin.Password))
        {
            yield return $"Identity:SuperAdmin:Password is too weak: {PasswordRule.Words}";
        }
    }

    private static bool IsKey(Func<string, ECDsa> import, string text)
    {
        try
        {
            using var key = import(text);
            return true;
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            return false;
        }
    }
}
