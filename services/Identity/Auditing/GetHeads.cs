using System.ComponentModel;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace EasySmart.Identity.Auditing;

/// <summary>The end of a chain as it was published on a day.</summary>
/// <param name="Date">The day, UTC. <example>2026-02-15</example></param>
/// <param name="TenantId">Whose chain; null for the platform's.</param>
/// <param name="Position">How many records it had; the last one's <c>chain_position</c>. <example>42</example></param>
/// <param name="Hash">The last one's <c>hash</c>.</param>
/// <param name="PublishedAt">When it was published.</param>
public sealed record PublishedHead(DateOnly Date, Guid? TenantId, long Position, string Hash, DateTimeOffset PublishedAt)
{
    internal static PublishedHead Read(NpgsqlDataReader row) => new(
        row.GetFieldValue<DateOnly>(0), new Chain(row.GetGuid(1)).TenantId, row.GetInt64(2), Convert.ToHexStringLower(row.GetFieldValue<byte[]>(3)),
        row.GetFieldValue<DateTimeOffset>(4));
}

/// <summary>
/// <c>GET /audit/heads</c>: the published ends of the chains, newest day first. Who keeps one can prove later, with nobody's help, whether
/// the records up to it are still those: the one at its position must bear its hash.
/// </summary>
internal static class GetHeads
{
    public static async Task<Results<Ok<List<PublishedHead>>, ProblemResult>> HandleAsync(
        [Description("The day, UTC; absent: every day")] DateOnly? date, [FromQuery(Name = "tenant_id"), Description(AuditScope.Parameter)] string? tenantId, [Description(NextPage.Limit)] int? limit,
        [Description(NextPage.Cursor)] string? cursor,
        Caller caller, HttpResponse response, AuditLog log, CancellationToken cancellation)
    {
        var (scope, refusal) = AuditScope.Of(caller, tenantId);
        var after = default(HeadCursor);
        if (cursor is not null && !HeadCursor.TryRead(cursor, out after))
        {
            refusal ??= Problem.BadRequest("cursor", "Must be one that a Link header gave");
        }

        refusal ??= NextPage.RefuseLimit(limit);
        if (refusal is not null)
        {
            return refusal;
        }

        var size = limit ?? NextPage.DefaultLimit;
        var read = await log.ReadHeadsAsync(scope, date, cursor is null ? null : after, size + 1, cancellation);
        return TypedResults.Ok(Paging.Cut(
            read, size, response, head => new HeadCursor(head.Date, head.TenantId ?? Chain.Platform.Id).ToString()));
    }
}
