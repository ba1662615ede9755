using Microsoft.AspNetCore.Http.HttpResults;

namespace EasySmart.Identity.Tokens;

/// <summary>The public keys by which anybody can verify an access token.</summary>
public sealed record KeySet(IReadOnlyList<PublicKey> Keys);

internal static class Jwks
{
    public const string Route = "/.well-known/jwks.json";

    /// <summary>Public data: the gateway reads it without an identity of its own.</summary>
    public static void MapJwks(this IEndpointRouteBuilder routes) => routes.MapGet(Route, Get).WithName("GetSigningKeys").WithTags("Auth").AllowAnonymous();

    private static Ok<KeySet> Get(SigningKeys keys, HttpResponse response)
    {
        // Short, so that a new key is known everywhere soon after it begins to sign.
        response.Headers.CacheControl = "public, max-age=60";
        return TypedResults.Ok(new KeySet(keys.Public));
    }
}
