using EasySmart.Identity.Accounts;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.StreamTickets;

/// <summary>A ticket, shown here and never again.</summary>
/// <param name="Ticket">Opens one stream: <c>GET /telemetry/stream?ticket=…</c>. <example>q1nJ8yX0v3mKc5TzR7uWb2sLd9fHg4aPe6iQxY0oNwM</example></param>
/// <param name="ExpiresAt">Until when; a stream that it has opened goes on, as long as the access token or key that asked for it would.</param>
public sealed record NewStreamTicket(string Ticket, DateTimeOffset ExpiresAt);

/// <summary>
/// <c>POST /telemetry/stream/tickets</c>: for a browser's <c>EventSource</c>, which cannot send an <c>Authorization</c> header. A ticket is good
/// once and for a minute; when the connection breaks, the page asks for the next one.
/// </summary>
internal static class IssueStreamTicket
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    public static async Task<Created<NewStreamTicket>> HandleAsync(
        AccountScope scope, Caller caller, TimeProvider clock, CancellationToken cancellation)
    {
        var text = OneTimeToken.New();
        var until = clock.GetMoment() + Lifetime;
        await using var transaction = await scope.BeginAsync(cancellation);
        await scope.Db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO stream_tickets (hash, kind, caller_id, tenant_id, session_id, version, credential_expires_at, expires_at)
            VALUES ({OneTimeToken.HashOf(text)}, {caller.Kind.Spell()}, {caller.Id}, {scope.TenantId}, {caller.SessionId}, {caller.CredentialVersion},
                    {caller.CredentialExpiresAt}, {until})
            """,
            cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Created((string?)null, new NewStreamTicket(text, until));
    }
}
