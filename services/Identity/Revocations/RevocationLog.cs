using EasySmart.Identity.Accounts;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Revocations;

/// <summary>What a revocation is about. A credential names its user, tenant, session and key by id.</summary>
internal enum RevocationKind
{
    /// <summary>A user: its access tokens so far.</summary>
    User,

    /// <summary>A tenant: the access tokens and API keys of all that is in it, as verified so far.</summary>
    Tenant,

    /// <summary>One session's access tokens.</summary>
    Session,

    /// <summary>An API key.</summary>
    ApiKey,
}

/// <summary>
/// The feed that takes credentials back before they expire. A credential carries <see cref="VersionAsync"/> as <c>rv</c>; it is refused
/// when the feed has something newer about whom it names. No clock is compared.
/// </summary>
internal static class RevocationLog
{
    // Any constant: the advisory lock that puts commits in the order of their versions.
    private const long Lock = 0x5265766F;

    /// <summary>Longer than any access token lives, whose seconds are at most a day: nothing older can still pass.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(25);

    /// <summary>
    /// Takes back every credential that names one of the subjects, if and when the transaction commits. Comes last before the commit,
    /// because all revocations wait for one another from here on.
    /// </summary>
    /// <remarks>
    /// Whoever issues a credential holds the rows of its tenant, user and session (<see cref="Holding"/>) while it reads the version, and
    /// whoever revokes has changed one of them before: so a credential either carries this revocation or is refused by it.
    /// </remarks>
    public static async Task RevokeAsync(
        this IdentityDb db, RevocationKind kind, Guid? tenant, IReadOnlyCollection<Guid> subjects, TimeProvider clock, CancellationToken cancellation)
    {
        if (subjects.Count == 0)
        {
            return;
        }

        var now = clock.GetMoment();
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({Lock})", cancellation);
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO revocations (kind, tenant_id, subject_id, at) SELECT {kind.Spell()}, {tenant}, unnest({subjects.ToArray()}), {now}",
            cancellation);
    }

    /// <summary>
    /// The newest revocation that the context's role sees, 0 before the first: what a credential issued now carries. (A caller's role sees
    /// its own tenant's, and no others can be about its credentials.)
    /// </summary>
    public static Task<long> VersionAsync(this IdentityDb db, CancellationToken cancellation) =>
        db.Database.SqlQuery<long>($"SELECT coalesce(max(version), 0) AS \"Value\" FROM revocations").SingleAsync(cancellation);
}
