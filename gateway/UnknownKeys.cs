using System.Threading.RateLimiting;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.Extensions.Caching.Memory;

namespace EasySmart.Gateway;

/// <summary>
/// Keeps a flood of invented API keys from becoming a flood at Identity. One that does not exist is not asked about again for 5 s; an
/// address that sent too many (section <c>RateLimits:UnknownApiKeys</c>) is refused until its window ends; and over all addresses only a few
/// questions about keys that were not good before are under way at once.
/// </summary>
internal sealed class UnknownKeys : IDisposable
{
    internal const string Limit = "UnknownApiKeys";
    private static readonly TimeSpan Remember = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly MemoryCache _unknown = new(new MemoryCacheOptions { SizeLimit = 10_000 });
    private readonly SemaphoreSlim _places = new(16);
    private readonly RateLimitOptions _limit;
    private readonly PartitionedRateLimiter<string> _byAddress;
    private readonly TimeProvider _clock;

    public UnknownKeys(RateLimitOptions limit, TimeProvider clock)
    {
        (_limit, _clock) = (limit, clock);
        _byAddress = PartitionedRateLimiter.Create<string, string>(address => RateLimitPartition.GetFixedWindowLimiter(
            address,
            _ => new FixedWindowRateLimiterOptions { PermitLimit = limit.PermitLimit, Window = TimeSpan.FromSeconds(limit.WindowSeconds) }));
    }

    /// <summary>Whether Identity said moments ago that there is no such key.</summary>
    public bool IsKnownToBe(string name) => _unknown.TryGetValue(name, out DateTimeOffset until) && until > _clock.GetUtcNow();

    /// <summary>Identity said so now.</summary>
    public void Add(string name, string address)
    {
        _unknown.Set(
            name, _clock.GetUtcNow() + Remember, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Remember });
        _byAddress.AttemptAcquire(address).Dispose();
    }

    /// <summary>A place among the questions that are under way; disposing it gives it back.</summary>
    /// <exception cref="TooManyUnknownKeysException">The address has used its window up.</exception>
    /// <exception cref="KeysUnknownException">There is no place: so many ask, or Identity is so slow.</exception>
    public async Task<IDisposable> EnterAsync(string address)
    {
        if (!await _places.WaitAsync(Patience))
        {
            throw new KeysUnknownException();
        }

        // Looked at only: a key that exists uses nothing up.
        using var look = _byAddress.AttemptAcquire(address, permitCount: 0);
        if (look.IsAcquired)
        {
            return new Place(_places);
        }

        _places.Release();
        var wait = look.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.FromSeconds(_limit.WindowSeconds);
        throw new TooManyUnknownKeysException(Problem.RateLimited(
            "Too many API keys that do not exist; try again later",
            new LimitDetails("unknown_api_keys", _limit.PermitLimit, _limit.PermitLimit, _limit.WindowSeconds),
            Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds))));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _byAddress.Dispose();
        _unknown.Dispose();
        _places.Dispose();
    }

    private sealed class Place(SemaphoreSlim places) : IDisposable
    {
        public void Dispose() => places.Release();
    }
}

/// <summary>The address guesses; <see cref="Answer"/> is what it is told.</summary>
internal sealed class TooManyUnknownKeysException(ProblemResult answer) : Exception(answer.Message)
{
    public ProblemResult Answer => answer;
}
