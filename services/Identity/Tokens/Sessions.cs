using EasySmart.Identity.Accounts;

namespace EasySmart.Identity.Tokens;

/// <summary>What a refresh answers.</summary>
/// <param name="AccessToken">A JWT, to be sent as <c>Authorization: Bearer …</c>. <example>eyJhbGciOiJFUzI1NiIs…</example></param>
/// <param name="RefreshToken">Opaque, good for one refresh. <example>ZkT0m6vJ4y0cQk3m1xS7hE9aR2dW5bN8…</example></param>
/// <param name="ExpiresIn">Seconds until the access token expires. <example>3600</example></param>
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
