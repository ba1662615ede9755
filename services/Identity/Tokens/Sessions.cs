using EasySmart.Identity.Accounts;
using EasySmart.Identity.Revocations;
using EasySmart.ServiceDefaults.Auth;

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

/// <summary>
/// Begins sessions and continues them. The user is held (<see cref="Holding"/>) or new; tokens are good once the transaction
/// commits.
/// </summary>
internal sealed class Sessions(AccessTokens access, TimeProvider clock)
{
    /// <summary>A new session for the user.</summary>
    public async Task<IssuedTokens> BeginAsync(IdentityDb db, User user, Caller caller, CancellationToken cancellation)
    {
        var now = clock.GetMoment();
        var session = new Session { UserId = user.Id, TenantId = user.TenantId, CreatedAt = now };
        db.Add(session);
        return await ContinueAsync(db, user, session, caller, OneTimeToken.New(), cancellation);
    }

    /// <summary>The next tokens of a session; the refresh token is <paramref name="text"/>.</summary>
    public async Task<IssuedTokens> ContinueAsync(
        IdentityDb db, User user, Session session, Caller caller, string text, CancellationToken cancellation)
    {
        var now = clock.GetMoment();
        session.Use(caller, now);
        db.Add(RefreshToken.For(session, text, now));
        return await AgainAsync(db, user, session, text, cancellation);
    }

    /// <summary>A new access token beside a refresh token that was handed out before.</summary>
    public async Task<IssuedTokens> AgainAsync(IdentityDb db, User user, Session session, string text, CancellationToken cancellation) =>
        new(access.Issue(user, session.Id, await db.VersionAsync(cancellation)), text, access.LifetimeSeconds);
}
