using System.Net.Http.Json;
using System.Text.Json;

namespace EasySmart.Fleet.Tests.Api;

/// <summary>For every id that stands in a path: how a tenant comes to have such an object. A new id is a new line.</summary>
internal static class PathObjects
{
    private static readonly Dictionary<string, Func<Tenant, Task<string>>> Makers = new()
    {
        ["tenant_id"] = tenant => Task.FromResult(tenant.Id.ToString()),
        ["user_id"] = tenant => Task.FromResult(tenant.UserId.ToString()),
        ["device_id"] = async tenant => (await tenant.ProvisionAsync()).Id.ToString(),
        ["session_id"] = async tenant => FieldOf(await tenant.ReadAsync(HttpMethod.Get, "/api/v1/auth/sessions"), "session_id"),
        ["invitation_id"] = async tenant => FieldOf(
            await tenant.ReadAsync(HttpMethod.Post, "/api/v1/users/invitations", new { email = $"{Guid.NewGuid():N}@example.com", role = "tenant_user" }),
            "invitation_id"),
        ["api_key_id"] = async tenant => FieldOf(
            await tenant.ReadAsync(HttpMethod.Post, "/api/v1/api-keys", new { name = "walk", scopes = new[] { "telemetry:read" } }), "api_key_id"),
    };

    /// <summary>The operation's path with objects of this tenant in it, made for this call.</summary>
    public static async Task<string> FillAsync(Operation operation, Tenant tenant)
    {
        var path = operation.Path;
        foreach (var parameter in operation.PathParameters)
        {
            path = path.Replace($"{{{parameter}}}", await MakeAsync(parameter, tenant), StringComparison.Ordinal);
        }

        return path;
    }

    /// <summary>The path with the same text for every parameter.</summary>
    public static string Fill(Operation operation, string text) =>
        operation.PathParameters.Aggregate(operation.Path, (path, parameter) => path.Replace($"{{{parameter}}}", text, StringComparison.Ordinal));

    private static Task<string> MakeAsync(string parameter, Tenant tenant)
    {
        Assert.True(
            Makers.TryGetValue(parameter, out var make),
            $"No test knows how to make an object for {{{parameter}}}: add a line to {nameof(PathObjects)}.{nameof(Makers)} that makes one over HTTP");
        return make!(tenant);
    }

    private static string FieldOf(JsonElement answer, string name) =>
        (answer.ValueKind == JsonValueKind.Array ? answer[0] : answer).GetProperty(name).GetString()!;
}
