using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace EasySmart.Identity.Tests;

/// <summary>Verifies tokens with nothing but the published keys and the platform's ECDSA: no code that made them.</summary>
public sealed class AccessTokenTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Carries_the_claims_of_the_contract_and_verifies_with_the_published_key()
    {
        var (person, session) = await Person.RegisteredAsync(host);
        var (header, claims) = await VerifiedAsync(session.GetProperty("access_token").GetString()!);
        Assert.Equal("ES256", header.GetProperty("alg").GetString());
        Assert.Equal(
            ["aud", "email", "exp", "iat", "iss", "jti", "permissions", "role", "rv", "sid", "sub", "tenant_id", "token_type", "user_id"],
            claims.EnumerateObject().Select(c => c.Name).Order(StringComparer.Ordinal));
        var user = session.GetProperty("user");
        Assert.Equal("easysmart", claims.GetProperty("iss").GetString());
        Assert.Equal("easysmart-api", claims.GetProperty("aud").GetString());
        Assert.Equal("access", claims.GetProperty("token_type").GetString());
        Assert.Equal(3600, claims.GetProperty("exp").GetInt64() - claims.GetProperty("iat").GetInt64());
        Assert.Equal(user.GetProperty("user_id").GetGuid(), claims.GetProperty("sub").GetGuid());
        Assert.Equal(user.GetProperty("user_id").GetGuid(), claims.GetProperty("user_id").GetGuid());
        Assert.Equal(user.GetProperty("tenant_id").GetGuid(), claims.GetProperty("tenant_id").GetGuid());
        Assert.Equal(person.Email, claims.GetProperty("email").GetString());
        Assert.Equal("tenant_admin", claims.GetProperty("role").GetString());
        Assert.Equal(
            [
                "audit:read", "devices:delete", "devices:provision", "devices:read", "devices:write", "telemetry:read", "telemetry:write",
                "tenants:read", "users:delete", "users:read", "users:write",
            ],
            Permissions(claims));
    }

    [Fact]
    public async Task A_refreshed_token_verifies_and_has_an_id_of_its_own()
    {
        var (person, session) = await Person.RegisteredAsync(host);
        var refreshed = await Person.OkAsync(await person.RefreshAsync(session));
        var (_, before) = await VerifiedAsync(session.GetProperty("access_token").GetString()!);
        var (_, after) = await VerifiedAsync(refreshed.GetProperty("access_token").GetString()!);
        Assert.NotEqual(before.GetProperty("jti").GetString(), after.GetProperty("jti").GetString());
    }

    [Fact]
    public async Task A_tenant_user_may_use_devices_and_no_more()
    {
        var (person, _) = await Person.RegisteredAsync(host);
        await person.ChangeAsync("role = 'tenant_user'");
        var session = await Person.OkAsync(await person.LoginAsync());
        var (_, claims) = await VerifiedAsync(session.GetProperty("access_token").GetString()!);
        Assert.Equal(["devices:provision", "devices:read", "devices:write", "telemetry:read", "telemetry:write"], Permissions(claims));
    }

    [Fact]
    public async Task The_keys_are_public_and_named_by_their_thumbprint()
    {
        using var answer = await host.Direct().GetAsync("/.well-known/jwks.json", Cancellation);
        Assert.Equal("public, max-age=60", answer.Headers.CacheControl?.ToString().Replace("max-age=60, public", "public, max-age=60", StringComparison.Ordinal));
        var key = (await Person.OkAsync(answer)).GetProperty("keys").EnumerateArray().Single();
        Assert.Equal(["kty", "use", "alg", "kid", "crv", "x", "y"], key.EnumerateObject().Select(f => f.Name));
        var canonical = $$"""{"crv":"P-256","kty":"EC","x":"{{key.GetProperty("x").GetString()}}","y":"{{key.GetProperty("y").GetString()}}"}""";
        Assert.Equal(Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(canonical))).TrimEnd('=').Replace('+', '-').Replace('/', '_'), key.GetProperty("kid").GetString());
    }

    [Fact]
    public async Task Keys_are_rotated_without_a_gap()
    {
        var (first, second) = (IdentityHost.NewSigningKey(), IdentityHost.NewSigningKey());
        await using var database = await IdentityHost.MigratedDatabaseAsync();
        // The next key is published before it signs, the last one until its tokens have expired.
        await using var before = IdentityHost.Beside(database, ("Identity:SigningKey", first), ("Identity:VerificationKeys:0", Public(second)));
        await using var after = IdentityHost.Beside(
            database, ("Identity:SigningKey", second), ("Identity:VerificationKeys:0", Public(first)), ("Identity:VerificationKeys:1", Public(second)));
        await before.InitializeAsync();
        await after.InitializeAsync();
        var (person, old) = await Person.RegisteredAsync(before);
        var recent = await Person.OkAsync(await new Person(after) { Email = person.Email }.RefreshAsync(old));
        foreach (var publishing in new[] { before, after })
        {
            var (signedByFirst, _) = await VerifiedAsync(publishing, old.GetProperty("access_token").GetString()!);
            var (signedBySecond, _) = await VerifiedAsync(publishing, recent.GetProperty("access_token").GetString()!);
            Assert.NotEqual(signedByFirst.GetProperty("kid").GetString(), signedBySecond.GetProperty("kid").GetString());
            var keys = await publishing.Direct().GetFromJsonAsync<JsonElement>("/.well-known/jwks.json", Cancellation);
            Assert.Equal(2, keys.GetProperty("keys").GetArrayLength());
        }

        static string Public(string privateKey)
        {
            using var key = ECDsa.Create();
            key.ImportPkcs8PrivateKey(Convert.FromBase64String(privateKey), out _);
            return Convert.ToBase64String(key.ExportSubjectPublicKeyInfo());
        }
    }

    internal static IEnumerable<string?> Permissions(JsonElement claims) =>
        claims.GetProperty("permissions").EnumerateArray().Select(p => p.GetString()).Order(StringComparer.Ordinal);

    private Task<(JsonElement Header, JsonElement Claims)> VerifiedAsync(string token) => VerifiedAsync(host, token);

    internal static async Task<(JsonElement Header, JsonElement Claims)> VerifiedAsync(IdentityHost host, string token)
    {
        var parts = token.Split('.');
        var header = JsonSerializer.Deserialize<JsonElement>(Decode(parts[0]));
        var keys = await host.Direct().GetFromJsonAsync<JsonElement>("/.well-known/jwks.json", Cancellation);
        var key = keys.GetProperty("keys").EnumerateArray().Single(k => k.GetProperty("kid").GetString() == header.GetProperty("kid").GetString());
        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Decode(key.GetProperty("x").GetString()!), Y = Decode(key.GetProperty("y").GetString()!) },
        });
        Assert.True(ecdsa.VerifyData(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Decode(parts[2]), HashAlgorithmName.SHA256));
        return (header, JsonSerializer.Deserialize<JsonElement>(Decode(parts[1])));
    }

    private static byte[] Decode(string base64Url) => System.Buffers.Text.Base64Url.DecodeFromChars(base64Url);
}
