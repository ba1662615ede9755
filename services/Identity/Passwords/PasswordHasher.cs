using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using BCrypt.Net;
using Konscious.Security.Cryptography;

namespace EasySmart.Identity.Passwords;

/// <summary>What a check of a password found.</summary>
/// <param name="IsRight">Whether it is the one that was stored.</param>
/// <param name="Upgrade">The hash to store from now on, when the stored one is of an older kind; null otherwise.</param>
internal readonly record struct PasswordCheck(bool IsRight, string? Upgrade = null);

/// <summary>
/// Hashes and checks people's passwords. As many at a time as there are processors: more would not be faster, and each holds 19 MiB.
/// </summary>
internal sealed class PasswordHasher : IDisposable
{
    public const string Runs = "identity.argon2.runs";
    private const int SaltBytes = 16;
    private const int HashBytes = 32;

    private readonly SemaphoreSlim _places = new(Environment.ProcessorCount);
    private readonly Counter<long> _runs;

    public PasswordHasher(IMeterFactory meters) => _runs = meters.Create("EasySmart.Identity").CreateCounter<long>(
        Runs, "{run}", "Argon2id runs; every check of a password is exactly one, whether or not the account exists");

    /// <summary>The hash to store for a new password.</summary>
    public async Task<string> HashAsync(string password, CancellationToken cancellation)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        return new PasswordHash(Argon2Cost.Today, salt, await RunAsync(password, Argon2Cost.Today, salt, HashBytes, cancellation)).ToString();
    }

    /// <summary>
    /// Whether <paramref name="password"/> is the one that was stored. Null, for an account that does not exist, costs the same and is
    /// never right: the time taken must not tell who has an account.
    /// </summary>
    /// <remarks>
    /// A bcrypt hash, brought over from the earlier backend, costs its own time besides, until its owner's first login replaces it; an
    /// Argon2id hash with older parameters costs one more run at that login.
    /// </remarks>
    public async Task<PasswordCheck> CheckAsync(string? stored, string password, CancellationToken cancellation)
    {
        if (stored is not null && PasswordHash.TryRead(stored, out var expected))
        {
            var actual = await RunAsync(password, expected.Cost, expected.Salt, expected.Hash.Length, cancellation);
            var right = CryptographicOperations.FixedTimeEquals(actual, expected.Hash);
            return new(right, right && expected.Cost != Argon2Cost.Today ? await HashAsync(password, cancellation) : null);
        }

        var fresh = await HashAsync(password, cancellation);
        return stored is not null && await IsBcryptOfAsync(stored, password, cancellation) ? new(true, fresh) : new(false);
    }

    public void Dispose() => _places.Dispose();

    private async Task<bool> IsBcryptOfAsync(string stored, string password, CancellationToken cancellation)
    {
        await _places.WaitAsync(cancellation);
        try
        {
            return await Task.Run(() => BCrypt.Net.BCrypt.Verify(password, stored), cancellation);
        }
        // Neither of the kinds that there are: nobody's password.
        catch (Exception exception) when (exception is SaltParseException or ArgumentException)
        {
            return false;
        }
        finally
        {
            _places.Release();
        }
    }

    private async Task<byte[]> RunAsync(string password, Argon2Cost cost, byte[] salt, int length, CancellationToken cancellation)
    {
        await _places.WaitAsync(cancellation);
        try
        {
            _runs.Add(1);
            using var argon2 = new Argon2id(Encoding.UTF8.GetBytes(password))
            {
                Salt = salt,
                MemorySize = cost.MemoryKiB,
                Iterations = cost.Iterations,
                DegreeOfParallelism = cost.Parallelism,
            };
            return await argon2.GetBytesAsync(length);
        }
        finally
        {
            _places.Release();
        }
    }
}
