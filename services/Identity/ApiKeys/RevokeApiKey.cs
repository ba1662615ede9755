using EasySmart.Contracts.Identity;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auth;
using EasySmart.Identity.Revocations;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.ApiKeys;

/// <summary><c>DELETE /api-keys/{api_key_id}</c>: it passes no gateway any more. Its row stays, so that it cannot come back.</summary>
internal static class RevokeApiKey
{
    /// <param name="platform">True for a platform-wide key; for super-admins.</param>
    public static async Task<Results<NoContent, ProblemResult>> HandleAsync(
        [FromRoute(Name = "api_key_id")] Guid apiKeyId, KeysOf keys, Caller caller, bool? platform, TimeProvider clock, CancellationToken cancellation)
    {
        if (keys.Refuse(platform, caller) is { } refusal)
        {
            return refusal;
        }

        var (db, tenant, now) = (keys.Db, keys.TenantId, clock.GetMoment());
        await using var transaction = await keys.BeginAsync(cancellation);
        var one = db.ApiKeys.Where(k => k.TenantId == tenant && k.Id == apiKeyId);
        if (await one.Where(k => k.RevokedAt == null).ExecuteUpdateAsync(set => set.SetProperty(k => k.RevokedAt, now), cancellation) == 0)
        {
            // Revoking it again changes nothing.
            return await one.AnyAsync(cancellation) ? TypedResults.NoContent() : Problem.NotFound(GetApiKey.NotFound);
        }

        db.Publish(
            new ApiKeyRevoked { OccurredAt = clock.GetUtcNow(), RequestId = caller.RequestId, TenantId = tenant, ApiKeyId = apiKeyId }, tenant.EventKey());
        db.Publish(
            caller.Audit(clock, "api_key.revoked", "revoke").On(tenant, "api_key", apiKeyId) with { Severity = "warning" }, tenant.EventKey());
        await db.SaveChangesAsync(cancellation);
        await db.RevokeAsync(RevocationKind.ApiKey, tenant, [apiKeyId], clock, cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.NoContent();
    }
}
