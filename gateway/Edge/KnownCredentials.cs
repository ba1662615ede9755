using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Caching.Memory;

namespace EasySmart.Gateway;

/// <summary>
/// Credentials that passed lately, as hashes: a neighbour behind the same address who tries wrong ones all day does not lock them out.
/// Being known here opens nothing; it is still verified.
/// </summary>
internal sealed class KnownCredentials : IDisposable
{
    private static readonly TimeSpan Lately = TimeSpan.FromMinutes(10);
    // A few megabytes when full. Who finds no room is treated as everybody else is.
    private readonly MemoryCache _known = new(new MemoryCacheOptions { SizeLimit = 20_000 });

    public bool Contains(string credential) => _known.TryGetValue(HashOf(credential), out _);

    public void Add(string credential)
    {
        var hash = HashOf(credential);
        if (!_known.TryGetValue(hash, out _))
        {
            _known.Set(hash, true, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Lately });
        }
    }

    public void Dispose() => _known.Dispose();

    private static UInt128 HashOf(string credential) =>
        BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(credential)));
}
