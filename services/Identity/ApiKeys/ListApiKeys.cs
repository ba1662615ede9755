using System.ComponentModel.DataAnnotations;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.ApiKeys;

/// <summary><c>GET /api-keys</c>: newest first, expired ones too; those that were revoked only when asked for.</summary>
internal static class ListApiKeys
{
    private const int DefaultLimit = 100;

    /// <param name="platform">True for the platform-wide keys; for super-admins.</param>
    /// <param name="revoked">True for those that were revoked as well.</param>
    /// <param name="limit">Most that one page holds.</param>
    /// <param name="cursor">From the <c>Link</c> of the page before.</param>
    public static async Task<Results<Ok<List<ApiKeyView>>, ProblemResult>> HandleAsync(
        KeysOf keys, Caller caller, HttpResponse response, bool? platform, bool? revoked, [Range(1, 1000)] int? limit, Guid? cursor,
        CancellationToken cancellation)
    {
        if (keys.Refuse(platform, caller) is { } refusal)
        {
            return refusal;
        }

        await using var transaction = await keys.BeginAsync(cancellation);
        var most = limit ?? DefaultLimit;
        var page = await keys.Db.ApiKeys.AsNoTracking()
            .Where(k => k.TenantId == keys.TenantId)
            .Where(k => revoked == true || k.RevokedAt == null)
            // Ids are in the order of creation.
            .Where(k => cursor == null || k.Id < cursor)
            .OrderByDescending(k => k.Id)
            .Take(most + 1)
            .Select(ApiKeyView.Of)
            .ToListAsync(cancellation);
        return TypedResults.Ok(Paging.Cut(page, most, response, k => k.ApiKeyId.ToString()));
    }
}
