using System.Security.Cryptography;
using System.Text;
using EasySmart.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;

namespace EasySmart.Gateway.Tests;

/// <summary>Only what Identity signed, for this API, as an access token, now, is believed.</summary>
public sealed class AccessTokenTests(GatewayHost gateway)
{
    private const string Somewhere = "/api/v1/devices";

    // The gateway's own clock: what it finds expired is so by its watch, not by ours.
    private DateTimeOffset Now => gateway.Services.GetRequiredService<TimeProvider>().GetUtcNow();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private TokenIssuer Issuer => gateway.Behind.Issuer;

    public static TheoryData<string> Wrongs =>
    [
        "expired", "not yet valid", "no expiry", "issuer", "audience", "no issuer", "no audience", "refresh token", "no token type", "no subject",
        "another key of the same name", "no key name", "unknown key", "another algorithm", "none", "public key as HMAC secret",
        "changed payload", "no signature", "empty", "garbage", "three dots", "huge",
    ];

    [Theory, MemberData(nameof(Wrongs))]
    public async Task Anything_else_is_401(string wrong)
    {
        using var answer = await gateway.Bearer(Make(wrong)).GetAsync(Somewhere, Cancellation);
        await Envelope.AssertAsync(answer, 401, "unauthorized");
        Assert.StartsWith("Bearer", answer.Headers.WwwAuthenticate.Single().ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Basic YTpi")]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("bearer x y")]
    public async Task Another_scheme_is_401(string authorization)
    {
        var client = gateway.Direct();
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);
        await Envelope.AssertAsync(await client.GetAsync(Somewhere, Cancellation), 401, "unauthorized");
    }

    [Fact]
    public async Task A_token_of_a_clock_a_little_apart_passes()
    {
        var token = Issuer.Token(t => t.NotBefore = Now.UtcDateTime.AddSeconds(5));
        Assert.True((await gateway.Bearer(token).GetAsync(Somewhere, Cancellation)).IsSuccessStatusCode);
    }

    [Fact]
    public async Task The_scheme_name_is_not_case_sensitive()
    {
        var client = gateway.Direct();
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"bearer {Issuer.Token()}");
        Assert.True((await client.GetAsync(Somewhere, Cancellation)).IsSuccessStatusCode);
    }

    private string Make(string wrong) => wrong switch
    {
        "expired" => Issuer.Token(now: Now.AddHours(-1).AddSeconds(-15)),
        "not yet valid" => Issuer.Token(t => t.NotBefore = Now.UtcDateTime.AddMinutes(5)),
        "no expiry" => Issuer.Token(t => t.Expires = null),
        "issuer" => Issuer.Token(t => t.Issuer = "easysmart-gateway"),
        "audience" => Issuer.Token(t => t.Audience = "device-provisioning"),
        "no issuer" => Issuer.Token(t => t.Issuer = null),
        "no audience" => Issuer.Token(t => t.Audience = null),
        "refresh token" => Issuer.Token(t => t.Claims["token_type"] = "refresh"),
        "no token type" => Issuer.Token(t => t.Claims.Remove("token_type")),
        "no subject" => Issuer.Token(t => t.Claims.Remove("sub")),
        "another key of the same name" => Issuer.Token(key: TokenIssuer.NewKey("key-1")),
        "no key name" => Issuer.Token(key: new ECDsaSecurityKey(Issuer.Key.ECDsa)),
        "unknown key" => Issuer.Token(key: TokenIssuer.NewKey("nobody's")),
        "another algorithm" => Issuer.Token(
            key: new ECDsaSecurityKey(ECDsa.Create(ECCurve.NamedCurves.nistP384)) { KeyId = "key-1" }, algorithm: SecurityAlgorithms.EcdsaSha384),
        "none" => $"{Base64UrlEncoder.Encode("{\"alg\":\"none\",\"typ\":\"JWT\"}")}.{Issuer.Token().Split('.')[1]}.",
        "public key as HMAC secret" => Issuer.Token(
            key: new SymmetricSecurityKey(Encoding.ASCII.GetBytes(Issuer.Key.ECDsa.ExportSubjectPublicKeyInfoPem())) { KeyId = "key-1" },
            algorithm: SecurityAlgorithms.HmacSha256),
        "changed payload" => ChangedPayload(),
        "no signature" => Issuer.Token()[..(Issuer.Token().LastIndexOf('.') + 1)],
        "empty" => "",
        "garbage" => "abc",
        "three dots" => "...",
        _ => new string('a', 20_000),
    };

    private string ChangedPayload()
    {
        var parts = Issuer.Token().Split('.');
        var payload = Base64UrlEncoder.Decode(parts[1]).Replace("tenant_admin", "super_admin", StringComparison.Ordinal);
        return $"{parts[0]}.{Base64UrlEncoder.Encode(payload)}.{parts[2]}";
    }
}
