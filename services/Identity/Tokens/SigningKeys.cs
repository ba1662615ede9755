using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace EasySmart.Identity.Tokens;

/// <summary>
/// The keys of access tokens: one signs, all of them are published and verify. To rotate without a gap: publish the new key beside the
/// old one, then let it sign, and withdraw the old one when its last token has expired.
/// </summary>
internal sealed class SigningKeys : IDisposable
{
    private const string P256 = "1.2.840.10045.3.1.7";
    private readonly ECDsaSecurityKey[] _keys;

    public SigningKeys(IOptions<IdentityOptions> options)
    {
        // A key may sign and still be listed: in the middle of a rotation that is the plainest configuration.
        _keys = [.. options.Value.VerificationKeys.Select(key => Named(ImportPublic(key))).Prepend(Named(Import(options.Value.SigningKey))).DistinctBy(key => key.KeyId)];
        Signing = new SigningCredentials(_keys[0], SecurityAlgorithms.EcdsaSha256);
    }

    public SigningCredentials Signing { get; }

    /// <summary>The public halves.</summary>
    public IReadOnlyList<PublicKey> Public =>
    [
        .. from key in _keys
           let point = key.ECDsa.ExportParameters(includePrivateParameters: false).Q
           select new PublicKey("EC", "sig", SecurityAlgorithms.EcdsaSha256, key.KeyId, "P-256", Base64UrlEncoder.Encode(point.X), Base64UrlEncoder.Encode(point.Y)),
    ];

    /// <exception cref="CryptographicException">It is not a PKCS#8 P-256 private key.</exception>
    /// <exception cref="FormatException">It is not base64.</exception>
    public static ECDsa Import(string base64) => Import(key => key.ImportPkcs8PrivateKey(Convert.FromBase64String(base64), out _));

    /// <exception cref="CryptographicException">It is not the SubjectPublicKeyInfo of a P-256 key.</exception>
    /// <exception cref="FormatException">It is not base64.</exception>
    public static ECDsa ImportPublic(string base64) => Import(key => key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(base64), out _));

    private static ECDsa Import(Action<ECDsa> import)
    {
        var key = ECDsa.Create();
        try
        {
            import(key);
            return key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value == P256
                ? key
                : throw new CryptographicException("The key is on another curve than P-256");
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var key in _keys)
        {
            key.ECDsa.Dispose();
        }
    }

    // RFC 7638: the key's own thumbprint, so that every instance names it alike without being told.
    private static ECDsaSecurityKey Named(ECDsa key)
    {
        var named = new ECDsaSecurityKey(key);
        named.KeyId = Base64UrlEncoder.Encode(named.ComputeJwkThumbprint());
        return named;
    }
}

/// <summary>A public key as RFC 7517 writes it.</summary>
public sealed record PublicKey(string Kty, string Use, string Alg, string Kid, string Crv, string X, string Y);
