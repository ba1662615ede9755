using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;

namespace EasySmart.Identity.Tokens;

/// <summary>What is handed out once as text, a token or an API key: 256 random bits, of which only the SHA-256 is kept.</summary>
internal static class OneTimeToken
{
    /// <summary>Longer than any that is handed out.</summary>
    public const int MaxLength = 512;

    public static string New() => Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));

    // A plain hash is enough: there is nothing to guess in 256 random bits.
    public static byte[] HashOf(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
