using System.ComponentModel.DataAnnotations;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Revocations;

/// <summary>One thing taken back.</summary>
/// <param name="Version">Grows in the order of the commits.</param>
/// <param name="SubjectId">The user, tenant, session or API key.</param>
/// <param name="At">When.</param>
public sealed record Revocation(long Version, Guid SubjectId, DateTimeOffset At);

/// <summary>A page of the feed.</summary>
/// <param name="Version">The newest version there is; below the reader's own after a restore, and the reader begins anew.</param>
/// <param name="Revocations">What came after the reader's version, oldest first; fewer than asked for on the last page.</param>
public sealed record RevocationPage(long Version, IReadOnlyList<Revocation> Revocations);

/// <summary>
/// <c>GET /internal/revocations?after=</c>, polled by every gateway every 2 s: over HTTP and not RabbitMQ, so that a revocation holds
/// while RabbitMQ is down.
/// </summary>
internal static class RevocationFeed
{
    public static void MapRevocations(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/internal/revocations", HandleAsync).RequireServiceKey();

    private static async Task<Ok<RevocationPage>> HandleAsync(
        long? after, [Range(1, 10_000)] int? limit, SystemContext<IdentityDb> system, CancellationToken cancellation)
    {
        var db = system.Value;
        // Before the page: what is committed in between is then only seen early.
        var version = await db.VersionAsync(cancellation);
        var (from, most) = (after ?? 0, limit ?? 10_000);
        return TypedResults.Ok(new RevocationPage(version, version <= from ? [] : await db.Database.SqlQuery<Revocation>(
            $"SELECT version, subject_id, at FROM revocations WHERE version > {from} ORDER BY version LIMIT {most}").ToListAsync(cancellation)));
    }
}
