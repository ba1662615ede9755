using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.StreamTickets;

/// <summary>What a gateway asks about a ticket that it was sent. It never sends the ticket itself.</summary>
public sealed record RedeemStreamTicketRequest
{
    /// <summary>SHA-256 of the ticket's text.</summary>
    [Required, MinLength(32), MaxLength(32)]
    public byte[] Hash { get; init; } = [];
}

/// <summary>Whose ticket it was, as the credential said that asked for it.</summary>
/// <param name="Rv">The newest revocation then: the ticket is refused when the feed has a newer one about whom it names.</param>
public sealed record RedeemedStreamTicket(string Kind, Guid CallerId, Guid? TenantId, Guid? SessionId, long Rv, DateTimeOffset? CredentialExpiresAt);

/// <summary><c>POST /internal/stream-tickets/redeem</c>: spends the ticket that has this hash; 404 when it is spent, too old or unknown.</summary>
internal static class RedeemStreamTicket
{
    public static async Task<Results<Ok<RedeemedStreamTicket>, ProblemResult>> HandleAsync(
        RedeemStreamTicketRequest request, SystemContext<IdentityDb> system, TimeProvider clock, CancellationToken cancellation)
    {
        var now = clock.GetMoment();
        // The deletion decides between two who come with one ticket.
        var spent = await system.Value.Database.SqlQuery<RedeemedStreamTicket>(
            $"""
            DELETE FROM stream_tickets
            WHERE hash = {request.Hash} AND expires_at > {now} AND (credential_expires_at IS NULL OR credential_expires_at > {now})
            RETURNING kind, caller_id, tenant_id, session_id, version AS rv, credential_expires_at
            """).ToListAsync(cancellation);
        return spent is [var ticket] ? TypedResults.Ok(ticket) : Problem.NotFound("The ticket is spent, too old or unknown");
    }
}
