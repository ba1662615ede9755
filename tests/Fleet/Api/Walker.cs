using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using EasySmart.Hosting;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace EasySmart.Fleet.Tests.Api;

/// <summary>Somebody who walks the API: an access token, or none.</summary>
internal sealed class Walker(string? token)
{
    // A body that is refused unread is not sent at all: the client asks first, and waits for the answer.
    private static readonly HttpClient Http = new(new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromMinutes(1) })
    {
        BaseAddress = Fleet.Gateway,
    };
    private static readonly string[] Operators = ["system:admin", "tenants:write", "devices:manufacture"];

    public static Walker Nobody { get; } = new(null);

    /// <summary>Who may call this operation: the admin of the tenant, or the super-admin where a tenant's admin may not.</summary>
    public static async Task<Walker> ForAsync(Operation operation, Tenant tenant) => operation.IsOpen
        ? Nobody
        : new Walker(await BearerAsync(operation, tenant));

    /// <summary>The same with exactly the permissions that the operation asks for.</summary>
    public static async Task<Walker> WithNoMoreThanNeededAsync(Operation operation, Tenant tenant) => operation.IsOpen
        ? Nobody
        : new Walker(WithPermissions(await BearerAsync(operation, tenant), operation.Permissions));

    /// <summary>The same with every permission but those that the operation asks for, and the one that passes everywhere.</summary>
    public static async Task<Walker> WithoutWhatIsNeededAsync(Operation operation, Tenant tenant) => new(WithPermissions(
        await BearerAsync(operation, tenant), PublicApi.Permissions.Except(operation.Permissions).Where(permission => permission != "system:admin")));

    public static bool IsOperators(Operation operation) => operation.Permissions.Any(Operators.Contains);

    public async Task<HttpResponseMessage> CallAsync(Operation operation, string path, HttpContent? body = null)
    {
        var query = operation.Query.Length == 0 ? "" : "?" + operation.Query;
        using var request = new HttpRequestMessage(operation.Method, path + query) { Content = body };
        request.Headers.ExpectContinue = body?.Headers.ContentLength > 1 << 20;
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        var answer = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        if (answer.Content.Headers.ContentType?.MediaType == "text/event-stream")
        {
            // It has no end that one could wait for.
            answer.Content.Dispose();
            answer.Content = new StringContent("");
        }

        return answer;
    }

    /// <summary>A body as the document's examples make it.</summary>
    public static HttpContent? BodyOf(Operation operation) =>
        operation.BodySchema is { } schema ? Json(Example.Of(schema)?.ToJsonString() ?? "null") : null;

    public static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    private static async Task<string> BearerAsync(Operation operation, Tenant tenant) =>
        IsOperators(operation) ? await Tenant.SuperAdminTokenAsync() : tenant.Token;

    // Signed with the fleet's own key. Every other claim stays as Identity made it (session, revocation version, …), so that nothing but
    // the permissions can be the reason for an answer.
    private static string WithPermissions(string real, IEnumerable<string> permissions)
    {
        var token = new JsonWebToken(real);
        var claims = JsonNode.Parse(Base64UrlEncoder.Decode(token.EncodedPayload))!.AsObject();
        claims["permissions"] = new JsonArray([.. permissions.Select(permission => (JsonNode?)permission)]);
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(Convert.FromBase64String(TestServers.Required("EASYSMART_IDENTITY_SIGNING_KEY")), out _);
        var signing = new ECDsaSecurityKey(key) { KeyId = token.Kid, CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false } };
        return new JsonWebTokenHandler().CreateToken(claims.ToJsonString(), new SigningCredentials(signing, SecurityAlgorithms.EcdsaSha256));
    }
}
