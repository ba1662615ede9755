using System.Text.Encodings.Web;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace EasySmart.Gateway;

/// <summary><c>Authorization: Bearer …</c>, or on a route that takes one a ticket: who it names, and what is answered (401) when it names nobody.</summary>
internal sealed class AccessTokenHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, AccessTokens tokens, ApiKeys keys,
    StreamTickets tickets)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    internal const string Name = "Bearer";
    private const string Prefix = Name + " ";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        var ticket = Context.GetEndpoint()?.Metadata.GetMetadata<TakesTicket>() is null ? "" : StreamTickets.Of(Request);
        if (!header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) && ticket.Length == 0)
        {
            return AuthenticateResult.NoResult();
        }

        try
        {
            var principal = ticket.Length > 0
                ? await tickets.RedeemAsync(ticket, Context.RequestAborted)
                : await VerifyAsync(header[Prefix.Length..].Trim());
            return principal is null
                ? AuthenticateResult.Fail("The access token, API key or ticket is not valid")
                : AuthenticateResult.Success(new AuthenticationTicket(principal, Name));
        }
        catch (Exception exception) when (exception is KeysUnknownException or TooManyUnknownKeysException)
        {
            return AuthenticateResult.Fail(exception);
        }
    }

    private ValueTask<Principal?> VerifyAsync(string credential) => ApiKeys.IsKey(credential)
        ? keys.VerifyAsync(credential, ClientAddress.Of(Context), Context.RequestAborted)
        : tokens.VerifyAsync(credential, Context.RequestAborted);

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
