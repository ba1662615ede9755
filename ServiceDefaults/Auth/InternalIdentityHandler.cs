using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace EasySmart.ServiceDefaults.Auth;

/// <summary>Verifies the internal identity. A request without a valid one, whether it came by the gateway or not, is answered 401.</summary>
internal sealed class InternalIdentityHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, InternalIdentity identity, ServiceName service)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    internal const string Name = "InternalIdentity";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var token = Request.Headers[InternalIdentity.Header].ToString();
        if (token.Length == 0)
        {
            return AuthenticateResult.NoResult();
        }

        if (await identity.VerifyAsync(token, service.Value) is not { } verified)
        {
            return AuthenticateResult.Fail("The internal identity is not valid");
        }

        // Anonymous passes only where the endpoint says so; elsewhere it is nobody (401, not 403).
        var anonymous = verified.HasClaim(InternalIdentity.KindClaim, "anonymous");
        return anonymous && !IsOpen(Context.GetEndpoint())
            ? AuthenticateResult.NoResult()
            : AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(verified), Name));
    }

    // What is no route is routing's own refusal of a media type (415). The gateway sends nobody whom it does not know to other than open routes.
    private static bool IsOpen(Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<AnonymousCallerAllowed>() is not null || endpoint is { } and not RouteEndpoint;
}

/// <summary>Marks an endpoint that people use before they are known: register, login, bootstrap.</summary>
internal sealed record AnonymousCallerAllowed;
