using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.ApiKeys;

/// <summary><c>GET /api-keys/{api_key_id}</c>, also of one that was revoked.</summary>
internal static class GetApiKey
{
    public const string NotFound = "API key not found";

    /// <param name="platform">True for a platform-wide key; for super-admins.</param>
    public static async Task<Results<Ok<ApiKeyView>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "api_key_id")] Guid apiKeyId, KeysOf keys, Caller caller, bool? platform, CancellationToken cancellation)
    {
        if (keys.Refuse(platform, caller) is { } refusal)
        {
            return refusal;
        }

        await using var transaction = await keys.BeginAsync(cancellation);
        return await keys.Db.ApiKeys.Where(k => k.TenantId == keys.TenantId && k.Id == apiKeyId).Select(ApiKeyView.Of).SingleOrDefaultAsync(cancellation)
            is { } key
            ? TypedResults.Ok(key)
            : Problem.NotFound(NotFound);
    }
}
