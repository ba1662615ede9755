using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using EasySmart.ServiceDefaults;
using Microsoft.AspNetCore.Http;

namespace EasySmart.Gateway.Tests;

/// <summary>Identity's part in stream tickets: it knows them by their SHA-256, and each once.</summary>
public sealed class FakeTickets
{
    private readonly ConcurrentDictionary<string, FakeTicket> _tickets = new();
    private int _asked;

    /// <summary>How often it was asked about one.</summary>
    public int Asked => _asked;

    public static string NewText() => FakeKeys.NewText()["esk_".Length..];

    public FakeTicket Make(Guid? tenant = null, Guid? session = null, DateTimeOffset? credentialExpiresAt = null)
    {
        var ticket = new FakeTicket(NewText(), Guid.NewGuid(), tenant ?? Guid.NewGuid(), session ?? Guid.NewGuid(), credentialExpiresAt);
        _tickets[Convert.ToHexString(SHA256.HashData(Encoding.ASCII.GetBytes(ticket.Text)))] = ticket;
        return ticket;
    }

    internal async Task AnswerAsync(HttpContext context)
    {
        Interlocked.Increment(ref _asked);
        var question = (await context.Request.ReadFromJsonAsync<Question>(Json.Options))!;
        if (!_tickets.TryRemove(Convert.ToHexString(question.Hash), out var ticket))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        await context.Response.WriteAsJsonAsync(
            new
            {
                kind = "user",
                caller_id = ticket.CallerId,
                tenant_id = ticket.TenantId,
                session_id = ticket.SessionId,
                rv = 0,
                credential_expires_at = ticket.CredentialExpiresAt,
            },
            Json.Options);
    }

    private sealed record Question(byte[] Hash);
}

public sealed record FakeTicket(string Text, Guid CallerId, Guid TenantId, Guid SessionId, DateTimeOffset? CredentialExpiresAt);
