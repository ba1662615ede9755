using EasySmart.Identity.Accounts;

namespace EasySmart.Identity.Tokens;

/// <summary>What a refresh answers.</summary>
/// <param name="AccessToken">ES256 JWT.</param>
/// <param name="RefreshToken">Opaque, good for one refresh.</param>
/// <param name="ExpiresIn">Seconds until the access token expires.</param>
public sealed record IssuedTokens(string AccessToken, string RefreshToken, int ExpiresIn);

/// <summary>What register and login answer.</summary>
public sealed record SignedIn(string AccessToken, string RefreshToken, int ExpiresIn, UserView User)
{
    internal static SignedIn As(User user, IssuedTokens tokens) =>
        new(tokens.AccessToken, tokens.RefreshToken, tokens.ExpiresIn, UserView.Of(user));
}

/// <summary>Begins sessions and continues them.</summary>
internal sealed class Sessions(AccessTokens access, TimeProvider clock)
{
    /// <summary>A new session for the user. The tokens are good once <paramref name="db"/> is saved.</summary>
    public IssuedTokens Begin(IdentityDb db, User user) => Continue(db, user, Guid.CreateVersion7());

    /// <summary>The next tokens of a session.</summary>
    public IssuedTokens Continue(IdentityDb db, User user, Guid family)
    {
        var (token, text) = RefreshToken.Make(user, family, clock.GetMoment());
        db.Add(token);
        return new IssuedTokens(access.Issue(user), text, access.LifetimeSeconds);
    }
}
