using System.Buffers;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Gateway;

/// <summary>Marks a route that a ticket opens.</summary>
internal sealed record TakesTicket;

/// <summary>
/// <c>?ticket=…</c>: a browser's EventSource cannot send a header, so its page asks Identity for a ticket first, which opens one stream within
/// the next minute. Redeemed with Identity by its SHA-256; the ticket itself goes no further than this.
/// </summary>
internal sealed class StreamTickets(IHttpClientFactory clients, Revocations revocations)
{
    private const string Parameter = "ticket";
    private const int Length = 43;
    private static readonly SearchValues<char> Base64Url =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    /// <summary>The ticket that a request carries in place of a credential; empty when it carries none.</summary>
    public static string Of(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && request.Headers.Authorization.Count == 0 ? request.Query[Parameter].ToString() : "";

    /// <summary>A query without the ticket, and otherwise as the client wrote it.</summary>
    public static QueryString Without(QueryString query)
    {
        var others = string.Join('&', (query.Value ?? "").TrimStart('?').Split('&').Where(part => !IsTicket(part)));
        return others.Length > 0 ? new QueryString("?" + others) : QueryString.Empty;
    }

    /// <summary>Whom <paramref name="ticket"/> lets in, this once; null when it is spent, too old or none that was ever given out.</summary>
    /// <exception cref="KeysUnknownException">Nobody can tell: Identity is away.</exception>
    public async Task<Principal?> RedeemAsync(string ticket, CancellationToken cancellation)
    {
        if (ticket.Length != Length || ticket.AsSpan().IndexOfAnyExcept(Base64Url) >= 0)
        {
            return null;
        }

        if (!revocations.Known)
        {
            throw new KeysUnknownException();
        }

        return await AskIdentityAsync(SHA256.HashData(Encoding.ASCII.GetBytes(ticket)), cancellation) is { } redeemed
            && PrincipalOf(redeemed) is var principal && !revocations.Refuse(principal) ? principal : null;
    }

    private static bool IsTicket(string part) =>
        Uri.UnescapeDataString(part.Split('=')[0].Replace('+', ' ')).Equals(Parameter, StringComparison.OrdinalIgnoreCase);

    private async Task<Redeemed?> AskIdentityAsync(byte[] hash, CancellationToken cancellation)
    {
        try
        {
            using var identity = clients.CreateClient(Revocations.Client);
            using var answer = await identity.PostAsJsonAsync("internal/stream-tickets/redeem", new { Hash = hash }, Json.Options, cancellation);
            return answer.StatusCode == HttpStatusCode.NotFound
                ? null
                : await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<Redeemed>(Json.Options, cancellation);
        }
        catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException or JsonException && !cancellation.IsCancellationRequested)
        {
            throw new KeysUnknownException();
        }
    }

    // Reading is all that a ticket is for, whatever else its owner may do.
    private static Principal PrincipalOf(Redeemed owner) => Principal.Named(
        owner.Kind, owner.CallerId, owner.TenantId, owner.SessionId, [Permissions.TelemetryRead], DateTimeOffset.MaxValue, owner.Rv, owner.CredentialExpiresAt);

    private sealed record Redeemed(
        CallerKind Kind, Guid CallerId, Guid? TenantId, Guid? SessionId, long Rv, DateTimeOffset? CredentialExpiresAt);
}
