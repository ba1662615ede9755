using System.ComponentModel;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace EasySmart.Identity.Auditing;

/// <summary><c>GET /audit</c>: what was recorded, newest first.</summary>
internal static class ListAudit
{
    public static async Task<Results<Ok<List<AuditEntry>>, ProblemResult>> HandleAsync(
        [AsParameters] AuditFilter filter, [FromQuery(Name = "tenant_id"), Description(AuditScope.Parameter)] string? tenantId, [Description(NextPage.Limit)] int? limit,
        [Description(NextPage.Cursor)] string? cursor,
        Caller caller, HttpResponse response, AuditLog log, CancellationToken cancellation)
    {
        var (scope, refusal) = AuditScope.Of(caller, tenantId);
        var after = default(AuditCursor);
        if (cursor is not null && !AuditCursor.TryRead(cursor, out after))
        {
            refusal ??= Problem.BadRequest("cursor", "Must be one that a Link header gave");
        }

        refusal ??= filter.Refuse() ?? NextPage.RefuseLimit(limit);
        if (refusal is not null)
        {
            return refusal;
        }

        var size = limit ?? NextPage.DefaultLimit;
        var read = await log.ReadAsync(scope, filter, cursor is null ? null : after, size + 1, cancellation);
        return TypedResults.Ok(Paging.Cut(read, size, response, entry => entry.Place.ToString()));
    }
}
