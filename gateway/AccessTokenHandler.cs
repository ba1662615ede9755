using System.Text.Encodings.Web;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace EasySmart.Gateway;

/// <summary><c>Authorization: Bearer …</c>: who it names, and what is answered (401) when it names nobody.</summary>
internal sealed class AccessTokenHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, AccessTokens tokens)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    internal const string Name = "Bearer";
    private const string Prefix = Name + " ";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
        {
            return AuthenticateResult.NoResult();
        }

        try
        {
            return await tokens.VerifyAsync(header[Prefix.Length..].Trim(), Context.RequestAborted) is { } principal
                ? AuthenticateResult.Success(new AuthenticationTicket(principal, Name))
                : AuthenticateResult.Fail("The access token is not valid");
        }
        catch (KeysUnknownException exception)
        {
            return AuthenticateResult.Fail(exception);
        }
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var failure = (await HandleAuthenticateOnceSafeAsync()).Failure;
        if (failure is KeysUnknownException)
        {
            // 401 would make the client throw a good token away.
            await ErrorEnvelope.WriteAsync(Context, StatusCodes.Status503ServiceUnavailable);
            return;
        }

        Response.Headers.WWWAuthenticate = failure is null ? Name : "Bearer error=\"invalid_token\"";
        var message = failure is null ? null : "The access token is malformed, expired or not valid here";
        await ErrorEnvelope.WriteAsync(Context, StatusCodes.Status401Unauthorized, message);
    }
}
