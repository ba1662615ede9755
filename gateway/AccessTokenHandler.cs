using System.Text.Encodings.Web;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace EasySmart.Gateway;

/// <summary><c>Authorization: Bearer …</c>: who it names, and what is answered (401) when it names nobody.</summary>
internal sealed class AccessTokenHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, AccessTokens tokens, ApiKeys keys)
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

        var credential = header[Prefix.Length..].Trim();
        try
        {
            var principal = ApiKeys.IsKey(credential)
                ? await keys.VerifyAsync(credential, ClientAddress.Of(Context), Context.RequestAborted)
                : await tokens.VerifyAsync(credential, Context.RequestAborted);
            return principal is null
                ? AuthenticateResult.Fail("The access token or API key is not valid")
                : AuthenticateResult.Success(new AuthenticationTicket(principal, Name));
        }
        catch (Exception exception) when (exception is KeysUnknownException or TooManyUnknownKeysException)
        {
            return AuthenticateResult.Fail(exception);
        }
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var failure = (await HandleAuthenticateOnceSafeAsync()).Failure;
        if (failure is TooManyUnknownKeysException tooMany)
        {
            await tooMany.Answer.ExecuteAsync(Context);
            return;
        }

        if (failure is KeysUnknownException)
        {
            // 401 would make the client throw a good token away.
            await ErrorEnvelope.WriteAsync(Context, StatusCodes.Status503ServiceUnavailable);
            return;
        }

        Response.Headers.WWWAuthenticate = failure is null ? Name : "Bearer error=\"invalid_token\"";
        var message = failure is null ? null : "The access token or API key is malformed, expired, revoked or not valid here";
        await ErrorEnvelope.WriteAsync(Context, StatusCodes.Status401Unauthorized, message);
    }
}
