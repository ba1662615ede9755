using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using EasySmart.ServiceDefaults;
using Microsoft.AspNetCore.Http;

namespace EasySmart.Gateway.Tests;

/// <summary>Identity's part in API keys: it knows them by their SHA-256, and notes who asked.</summary>
public sealed class FakeKeys
{
    private readonly ConcurrentDictionary<string, FakeKey> _keys = new();

    /// <summary>Every question, with the client's address.</summary>
    public ConcurrentQueue<Question> Asked { get; } = new();

    public static string NewText() =>
        "esk_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    public FakeKey Make(Guid? tenant, params string[] scopes)
    {
        var key = new FakeKey(NewText(), Guid.NewGuid(), tenant, scopes);
        Put(key);
        return key;
    }

    public void Put(FakeKey key) => _keys[NameOf(SHA256.HashData(Encoding.ASCII.GetBytes(key.Text)))] = key;

    public void Take(FakeKey key) => _keys.TryRemove(NameOf(SHA256.HashData(Encoding.ASCII.GetBytes(key.Text))), out _);

    internal async Task AnswerAsync(HttpContext context)
    {
        var question = (await context.Request.ReadFromJsonAsync<Question>(Json.Options))!;
        Asked.Enqueue(question);
        if (!_keys.TryGetValue(NameOf(question.Hash), out var key))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        await context.Response.WriteAsJsonAsync(
            new { api_key_id = key.Id, tenant_id = key.TenantId, scopes = key.Scopes, expires_at = key.ExpiresAt, rv = key.Rv }, Json.Options);
    }

    private static string NameOf(byte[] hash) => Convert.ToHexString(hash);

    public sealed record Question(byte[] Hash, string? Address);
}

public sealed record FakeKey(string Text, Guid Id, Guid? TenantId, string[] Scopes, DateTimeOffset? ExpiresAt = null, long Rv = 0);
