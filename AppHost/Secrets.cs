using System.Buffers.Text;
using System.Security.Cryptography;
using Aspire.Hosting.Publishing;

namespace EasySmart.AppHost;

/// <summary>A key that is made once for a developer's machine and kept in the user secrets.</summary>
internal sealed class GeneratedKey(Func<string> generate) : ParameterDefault
{
    /// <summary>InternalIdentity:Key and Idempotency:Key, 32 bytes in base64.</summary>
    public static readonly GeneratedKey HmacSha256 = new(() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));

    /// <summary>Identity:SigningKey, a PKCS#8 P-256 private key in base64.</summary>
    public static readonly GeneratedKey EcdsaP256 = new(() =>
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Convert.ToBase64String(key.ExportPkcs8PrivateKey());
    });

    /// <summary>Identity:WebhookApiKey, an API key.</summary>
    public static readonly GeneratedKey ApiKey = new(() => "esk_" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));

    public override string GetDefaultValue() => generate();

    /// <summary>Nothing: a published fleet is given its keys.</summary>
    public override void WriteToManifest(ManifestPublishingContext context)
    {
    }
}

internal static class Secrets
{
    /// <summary>
    /// Letters and digits, so that it stands unquoted in connection strings, URLs and HOCON;
    /// <paramref name="special"/> adds what a person's password must have.
    /// </summary>
    public static IResourceBuilder<ParameterResource> AddPassword(
        this IDistributedApplicationBuilder builder, string name, bool special = false) =>
        builder.AddParameter(
            name,
            new GenerateParameterDefault
            {
                MinLength = 40,
                MinLower = 1,
                MinUpper = 1,
                MinNumeric = 1,
                Special = special,
                MinSpecial = special ? 1 : 0,
            },
            secret: true,
            persist: true);

    public static IResourceBuilder<ParameterResource> AddKey(this IDistributedApplicationBuilder builder, string name, GeneratedKey key) =>
        builder.AddParameter(name, key, secret: true, persist: true);
}
