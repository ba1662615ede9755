using System.Net.Http.Json;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Identity.Tests;

/// <summary>A tenant with an admin who makes API keys, and the gateway that asks about them.</summary>
internal sealed class KeyMaker
{
    private KeyMaker(IdentityHost host, Guid tenant, Guid user) => (Host, Tenant, User) = (host, tenant, user);

    public IdentityHost Host { get; }

    public Guid Tenant { get; }

    public Guid User { get; }

    public HttpClient Client => Host.As(Tenant, User, permissions: Role.TenantAdmin.Permitted());

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<KeyMaker> RegisteredAsync(IdentityHost host)
    {
        var (_, session) = await Person.RegisteredAsync(host);
        var user = session.GetProperty("user");
        return new KeyMaker(host, user.GetProperty("tenant_id").GetGuid(), user.GetProperty("user_id").GetGuid());
    }

    public async Task<JsonElement> MakeAsync(string name = "a script", params string[] scopes) => await Person.OkAsync(await PostAsync(Client, new
    {
        name,
        scopes = scopes.Length > 0 ? scopes : [Permissions.TelemetryRead],
    }));

    public static Task<HttpResponseMessage> PostAsync(HttpClient client, object body, string? idempotencyKey = null, string path = "/api-keys")
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        return client.SendAsync(request, Cancellation);
    }
}

internal static class KeyCalls
{
    public static Guid Id(this JsonElement key) => key.GetProperty("api_key_id").GetGuid();

    public static string Text(this JsonElement key) => key.GetProperty("key").GetString()!;

    /// <summary>The operator.</summary>
    public static HttpClient SuperAdmin(this IdentityHost host) =>
        host.As(null, role: "super_admin", permissions: Role.SuperAdmin.Permitted());

    /// <summary>A program with a key.</summary>
    public static HttpClient AsKey(this IdentityHost host, Guid? tenant, params string[] scopes)
    {
        var gateway = new InternalIdentity(new InternalIdentityOptions { Key = host.Settings["InternalIdentity:Key"]! }, TimeProvider.System);
        List<Claim> claims = [new("sub", Guid.CreateVersion7().ToString()), .. scopes.Select(scope => new Claim("permissions", scope))];
        if (tenant is { } id)
        {
            claims.Add(new Claim("tenant_id", id.ToString()));
        }

        return host.With(gateway.Sign(host.Service, CallerKind.ApiKey, claims));
    }

    /// <summary>What a gateway asks.</summary>
    public static async Task<HttpResponseMessage> VerifyAsync(this IdentityHost host, string key, string? address = "198.51.100.4")
    {
        using var gateway = host.Direct();
        gateway.DefaultRequestHeaders.Add("X-EasySmart-Service-Key", IdentityHost.ServiceKey);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        return await gateway.PostAsJsonAsync("/internal/api-keys/verify", new { hash, address }, TestContext.Current.CancellationToken);
    }
}
