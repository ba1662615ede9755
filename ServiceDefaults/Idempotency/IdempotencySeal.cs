using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace EasySmart.ServiceDefaults.Idempotency;

/// <summary>Makes seals from the configured secret.</summary>
internal sealed class IdempotencySeals(IOptions<IdempotencyOptions> options)
{
    private readonly byte[] _secret = Convert.FromBase64String(options.Value.Key);

    public IdempotencySeal For(string scope, string key) => new(_secret, Encoding.UTF8.GetBytes($"{scope}\n{key}"));
}

/// <summary>
/// What belongs to one Idempotency-Key of one sender. All of it is derived from the configured secret and the client's text together, and
/// the text is not stored: who has the table and even the secret still reads no answer whose key cannot be guessed.
/// </summary>
internal sealed class IdempotencySeal
{
    private const int KeyBytes = 32;
    private readonly byte[] _fingerprintKey;
    private readonly byte[] _answerKey;

    public IdempotencySeal(byte[] secret, byte[] name)
    {
        Id = Derive("id");
        _fingerprintKey = Derive("fingerprint");
        _answerKey = Derive("answer");

        byte[] Derive(string purpose) => HKDF.DeriveKey(
            HashAlgorithmName.SHA256, secret, KeyBytes, salt: name, info: Encoding.UTF8.GetBytes($"easysmart idempotency {purpose}"));
    }

    /// <summary>Names the row.</summary>
    public byte[] Id { get; }

    /// <summary>Tells whether a request is the same as before, byte by byte: method, path, query and body. The body can be read again.</summary>
    public async Task<byte[]> FingerprintAsync(HttpRequest request, CancellationToken cancellation)
    {
        // In memory: what a body may hold is limited, and a temporary file would keep it in the clear.
        request.EnableBuffering(bufferThreshold: int.MaxValue);
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _fingerprintKey);
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Method}\n{request.Path}\n{request.QueryString}\n"));
        var block = new byte[8192];
        int read;
        while ((read = await request.Body.ReadAsync(block, cancellation)) > 0)
        {
            hash.AppendData(block, 0, read);
        }

        request.Body.Position = 0;
        return hash.GetHashAndReset();
    }

    /// <summary>AES-256-GCM: nonce, tag, and the encrypted answer. Bound to the row, so that answers cannot be swapped.</summary>
    public byte[] Close(byte[] answer)
    {
        var closed = new byte[AesGcm.NonceByteSizes.MaxSize + AesGcm.TagByteSizes.MaxSize + answer.Length];
        var (nonce, tag, text) = Parts(closed);
        RandomNumberGenerator.Fill(nonce.Span);
        using var aes = new AesGcm(_answerKey, tag.Length);
        aes.Encrypt(nonce.Span, answer, text.Span, tag.Span, Id);
        return closed;
    }

    /// <summary>The answer that was closed.</summary>
    /// <exception cref="CryptographicException">It was changed.</exception>
    public byte[] Open(byte[] closed)
    {
        var (nonce, tag, text) = Parts(closed);
        var answer = new byte[text.Length];
        using var aes = new AesGcm(_answerKey, tag.Length);
        aes.Decrypt(nonce.Span, text.Span, tag.Span, answer, Id);
        return answer;
    }

    private static (Memory<byte> Nonce, Memory<byte> Tag, Memory<byte> Text) Parts(byte[] closed)
    {
        var (nonce, tag) = (AesGcm.NonceByteSizes.MaxSize, AesGcm.TagByteSizes.MaxSize);
        return (closed.AsMemory(0, nonce), closed.AsMemory(nonce, tag), closed.AsMemory(nonce + tag));
    }
}
