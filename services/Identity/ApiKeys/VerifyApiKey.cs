using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Revocations;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.ApiKeys;

/// <summary>What a gateway asks about a key that it was sent. It never sends the key itself.</summary>
public sealed record VerifyApiKeyRequest
{
    /// <summary>SHA-256 of the key's text.</summary>
    [Required, MinLength(32), MaxLength(32)]
    public byte[] Hash { get; init; } = [];

    /// <summary>The client's address.</summary>
    [StringLength(64)]
    public string? Address { get; init; }
}

/// <summary>A key that passes.</summary>
/// <param name="Rv">The newest revocation: the key is refused when the feed has a newer one about it or its tenant.</param>
public sealed record VerifiedApiKey(Guid ApiKeyId, Guid? TenantId, string[] Scopes, DateTimeOffset? ExpiresAt, long Rv);

/// <summary>
/// <c>POST /internal/api-keys/verify</c>: the key that has this hash, while it is neither expired nor revoked and its tenant is active; else
/// 404. Notes the use, at most once a minute: gateways ask again every 30 s while a key is in use, so <c>last_used_at</c> is never more than 90 s old.
/// </summary>
internal static class VerifyApiKey
{
    private static readonly TimeSpan NotedEvery = TimeSpan.FromMinutes(1);

    public static async Task<Results<Ok<VerifiedApiKey>, ProblemResult>> HandleAsync(
        VerifyApiKeyRequest request, SystemContext<IdentityDb> system, TimeProvider clock, CancellationToken cancellation)
    {
        var (db, hash, now) = (system.Value, request.Hash, clock.GetMoment());
        // Before the key is read: what is revoked in between then has a newer version.
        var version = await db.VersionAsync(cancellation);
        var key = await db.ApiKeys.AsNoTracking()
            .Where(k => k.Hash == hash && k.RevokedAt == null && (k.ExpiresAt == null || k.ExpiresAt > now))
            .Where(k => k.TenantId == null || db.Tenants.Any(t => t.Id == k.TenantId && t.Status == AccountStatus.Active))
            .SingleOrDefaultAsync(cancellation);
        if (key is null)
        {
            return Problem.NotFound(GetApiKey.NotFound);
        }

        var old = now - NotedEvery;
        if (key.LastUsedAt is null || key.LastUsedAt < old)
        {
            // Several gateways may ask at once; one of them writes.
            await db.ApiKeys.Where(k => k.Id == key.Id && (k.LastUsedAt == null || k.LastUsedAt < old)).ExecuteUpdateAsync(
                set => set.SetProperty(k => k.LastUsedAt, now).SetProperty(k => k.LastUsedIp, request.Address), cancellation);
        }

        return TypedResults.Ok(new VerifiedApiKey(key.Id, key.TenantId, key.Scopes, key.ExpiresAt, version));
    }
}
