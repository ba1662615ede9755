using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace EasySmart.Gateway;

/// <summary>Section <c>AccessTokens</c>.</summary>
internal sealed record AccessTokenOptions
{
    /// <summary>Seconds between two looks at Identity's keys, however many tokens name a key that is not known.</summary>
    [Range(1, 3600, ErrorMessage = "AccessTokens:KeyRefreshSeconds is from 1 to 3600")]
    public int KeyRefreshSeconds { get; init; } = 10;
}

/// <summary>The keys that Identity signs access tokens with, as of one look at its JWKS.</summary>
internal sealed record KeySet(IReadOnlyList<SecurityKey> Keys, DateTimeOffset ReadAt);

/// <summary>
/// Identity's public keys: read at need, kept while Identity is away, and read again when a token names an unknown one. (The library's
/// ConfigurationManager reads again in the background, so that the first token of a new key would be refused.)
/// </summary>
internal sealed partial class IdentityKeys(
    HttpClient identity, IOptions<AccessTokenOptions> options, TimeProvider clock, ILogger<IdentityKeys> logger) : IHealthCheck, IDisposable
{
    // A key that Identity withdrew stops passing after this, without any token that names a new one.
    private static readonly TimeSpan Stale = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly Uri Jwks = new("/.well-known/jwks.json", UriKind.Relative);

    private readonly SemaphoreSlim _reading = new(1, 1);
    private KeySet? _known;
    private long _nextReadTicks;

    private bool MayRead => clock.GetUtcNow().UtcTicks >= Volatile.Read(ref _nextReadTicks);

    /// <summary>The keys; null when Identity has not been reached yet.</summary>
    public ValueTask<KeySet?> GetAsync(CancellationToken cancellation)
    {
        if (Volatile.Read(ref _known) is not { } known)
        {
            return new ValueTask<KeySet?>(ReadAgainAsync(null, cancellation));
        }

        if (clock.GetUtcNow() - known.ReadAt > Stale && MayRead)
        {
            // Nobody waits for this one: the keys at hand are most likely still right.
            _ = ReadAgainAsync(known, CancellationToken.None);
        }

        return ValueTask.FromResult<KeySet?>(known);
    }

    /// <summary>Reads the keys again, unless somebody did since <paramref name="seen"/> or it was tried a moment ago.</summary>
    /// <returns>The newest keys at hand: <paramref name="seen"/> itself when there are none newer.</returns>
    public async Task<KeySet?> ReadAgainAsync(KeySet? seen, CancellationToken cancellation)
    {
        await _reading.WaitAsync(cancellation);
        try
        {
            if (_known == seen && MayRead)
            {
                await ReadAsync();
                var wait = _known is null ? FirstRetry : TimeSpan.FromSeconds(options.Value.KeyRefreshSeconds);
                Volatile.Write(ref _nextReadTicks, (clock.GetUtcNow() + wait).UtcTicks);
            }
        }
        finally
        {
            _reading.Release();
        }

        return _known;
    }

    // Not with a request's cancellation: the read belongs to all who wait for it. HttpClient's time-out ends it.
    private async Task ReadAsync()
    {
        try
        {
            var keys = new JsonWebKeySet(await identity.GetStringAsync(Jwks, CancellationToken.None)).GetSigningKeys();
            if (keys.Count == 0)
            {
                throw new InvalidDataException("Identity's JWKS has no signing key");
            }

            Volatile.Write(ref _known, new KeySet([.. keys], clock.GetUtcNow()));
        }
        catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException or ArgumentException or InvalidDataException)
        {
            CouldNotRead(fault);
        }
    }

    /// <summary>Ready means: can tell a good token from a bad one. Identity itself may be away.</summary>
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        await GetAsync(cancellationToken) is null
            ? HealthCheckResult.Unhealthy("No keys to verify tokens with")
            : HealthCheckResult.Healthy();

    /// <inheritdoc/>
    public void Dispose()
    {
        _reading.Dispose();
        identity.Dispose();
    }

    [LoggerMessage(LogLevel.Warning, "Identity's keys could not be read; the known ones, if any, go on being used")]
    private partial void CouldNotRead(Exception exception);
}
