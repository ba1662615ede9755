using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using Konscious.Security.Cryptography;

namespace EasySmart.Identity.Passwords;

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
    public async Task<bool> VerifyAsync(string? stored, string password, CancellationToken cancellation)
    {
        if (stored is null || !PasswordHash.TryRead(stored, out var expected))
        {
            await HashAsync(password, cancellation);
            return false;
        }

        var actual = await RunAsync(password, expected.Cost, expected.Salt, expected.Hash.Length, cancellation);
        return CryptographicOperations.FixedTimeEquals(actual, expected.Hash);
    }

    public void Dispose() => _places.Dispose();

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
