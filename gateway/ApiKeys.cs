using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.Extensions.Caching.Memory;

namespace EasySmart.Gateway;

/// <summary>
/// Verifies API keys by asking Identity, which is sent their SHA-256, and remembers the answer: a good one for 30 s, so that a busy key costs
/// Identity two questions a minute, and a bad one for 5 s. What Identity takes back stops passing here with the revocation feed.
/// </summary>
internal sealed class ApiKeys(IHttpClientFactory clients, Revocations revocations, UnknownKeys unknown, TimeProvider clock) : IDisposable
{
    private const string Marker = "esk_";
    private const int Length = 47;
    private static readonly SearchValues<char> Base64Url =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    private static readonly TimeSpan Remember = TimeSpan.FromSeconds(30);
    // A key that was good a moment ago is asked about past all limits: strangers who guess must not shut it out.
    private static readonly TimeSpan Trust = TimeSpan.FromMinutes(10);

    // Some megabytes when full; what finds no room is asked about each time.
    private readonly MemoryCache _good = new(new MemoryCacheOptions { SizeLimit = 10_000 });
    private readonly ConcurrentDictionary<string, Lazy<Task<Principal?>>> _asking = new();

    /// <summary>Whether a credential says that it is an API key.</summary>
    public static bool IsKey(string credential) => credential.StartsWith(Marker, StringComparison.Ordinal);

    /// <summary>Whom <paramref name="key"/> names; null when it is not a key that passes.</summary>
    /// <param name="key">As the client sent it.</param>
    /// <param name="address">The client's.</param>
    /// <param name="cancellation">The client is gone.</param>
    /// <exception cref="KeysUnknownException">Nobody can tell: Identity is away.</exception>
    /// <exception cref="TooManyUnknownKeysException">The address has sent too many that do not exist.</exception>
    public async ValueTask<Principal?> VerifyAsync(string key, string address, CancellationToken cancellation)
    {
        if (!IsWellFormed(key))
        {
            return null;
        }

        var hash = SHA256.HashData(Encoding.ASCII.GetBytes(key));
        var name = Convert.ToHexString(hash);
        if (_good.TryGetValue(name, out Principal? known) && known!.Until > clock.GetUtcNow() && !revocations.Refuse(known))
        {
            return known;
        }

        if (unknown.IsKnownToBe(name))
        {
            return null;
        }

        // One question for each key at a time, and not with a request's cancellation: it belongs to all who wait for it.
        var asking = _asking.GetOrAdd(name, _ => new Lazy<Task<Principal?>>(() => AskAsync(name, hash, address, isStranger: known is null)));
        var principal = await asking.Value.WaitAsync(cancellation);
        return principal is null || revocations.Refuse(principal) ? null : principal;
    }

    /// <inheritdoc/>
    public void Dispose() => _good.Dispose();

    private static bool IsWellFormed(string key) =>
        key.Length == Length && key.AsSpan(Marker.Length).IndexOfAnyExcept(Base64Url) < 0;

    private async Task<Principal?> AskAsync(string name, byte[] hash, string address, bool isStranger)
    {
        try
        {
            using var place = isStranger ? await unknown.EnterAsync(address) : null;
            if (!revocations.Known)
            {
                throw new KeysUnknownException();
            }

            var verified = await AskIdentityAsync(hash, address);
            if (verified is null)
            {
                _good.Remove(name);
                unknown.Add(name, address);
                return null;
            }

            var now = clock.GetUtcNow();
            var until = verified.ExpiresAt < now + Remember ? verified.ExpiresAt.Value : now + Remember;
            var principal = Principal.Named(
                CallerKind.ApiKey, verified.ApiKeyId, verified.TenantId, null, verified.Scopes, until, verified.Rv, verified.ExpiresAt);
            _good.Set(name, principal, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Trust });
            return principal;
        }
        finally
        {
            _asking.TryRemove(name, out _);
        }
    }

    private async Task<Verified?> AskIdentityAsync(byte[] hash, string address)
    {
        try
        {
            using var identity = clients.CreateClient(Revocations.Client);
            using var answer = await identity.PostAsJsonAsync("internal/api-keys/verify", new { Hash = hash, Address = address }, Json.Options);
            return answer.StatusCode == HttpStatusCode.NotFound
                ? null
                : await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<Verified>(Json.Options);
        }
        catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException or JsonException)
        {
            throw new KeysUnknownException();
        }
    }

    private sealed record Verified(Guid ApiKeyId, Guid? TenantId, string[] Scopes, DateTimeOffset? ExpiresAt, long Rv);
}
