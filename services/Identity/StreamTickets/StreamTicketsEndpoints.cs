using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Identity.StreamTickets;

/// <summary>How a browser gets into a live stream. Here and not where the stream is, because a ticket is a credential.</summary>
internal static class StreamTicketsEndpoints
{
    public static void MapStreamTickets(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/telemetry/stream/tickets", IssueStreamTicket.HandleAsync).RequirePermission(Permissions.TelemetryRead)
            .WithName("IssueStreamTicket").WithSummary("Ticket for a live stream").WithTags("Telemetry").WithMetadata(AccountsOf.Caller);
        routes.MapPost("/internal/stream-tickets/redeem", RedeemStreamTicket.HandleAsync).RequireServiceKey();
    }
}
