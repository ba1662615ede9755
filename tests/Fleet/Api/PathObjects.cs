using System.Net.Http.Json;
using System.Text.Json;

namespace EasySmart.Fleet.Tests.Api;

/// <summary>For every id that stands in a path: how a tenant comes to have such an object. A new id is a new line.</summary>
internal static class PathObjects
{
    // What is below another object is made by a call to the path so far, with that object in it.
    private static readonly Dictionary<string, Func<Tenant, string, Task<string>>> Makers = new()
    {
        // The one whose terms are the examples of a change: the walk changes nothing for others.
        ["plan_type"] = (_, _) => Task.FromResult("enterprise"),
        ["tenant_id"] = (tenant, _) => Task.FromResult(tenant.Id.ToString()),
        ["user_id"] = (tenant, _) => Task.FromResult(tenant.UserId.ToString()),
        ["device_id"] = async (tenant, _) => (await tenant.ProvisionAsync()).Id.ToString(),
        ["command_id"] = async (tenant, above) => FieldOf(await tenant.ReadAsync(HttpMethod.Post, above, new { name = "walk" }), "command_id"),
        ["session_id"] = async (tenant, _) => FieldOf(await tenant.ReadAsync(HttpMethod.Get, "/api/v1/auth/sessions"), "session_id"),
        ["invitation_id"] = async (tenant, _) => FieldOf(
            await tenant.ReadAsync(HttpMethod.Post, "/api/v1/users/invitations", new { email = $"{Guid.NewGuid():N}@example.com", role = "tenant_user" }),
            "invitation_id"),
        ["api_key_id"] = async (tenant, _) => FieldOf(
            await tenant.ReadAsync(HttpMethod.Post, "/api/v1/api-keys", new { name = "walk", scopes = new[] { "telemetry:read" } }), "api_key_id"),
    };

    /// <summary>The operation's path with objects of this tenant in it, made for this call.</summary>
    public static async Task<string> FillAsync(Operation operation, Tenant tenant)
    {
        var path = operation.Path;
        foreach (var parameter in operation.PathParameters)
        {
            var at = path.IndexOf($"{{{parameter}}}", StringComparison.Ordinal);
            path = path.Replace($"{{{parameter}}}", await MakeAsync(parameter, tenant, path[..at].TrimEnd('/')), StringComparison.Ordinal);
        }

        return path;
    }

    /// <summary>The path with the same text for every parameter.</summary>
    public static string Fill(Operation operation, string text) =>
        operation.PathParameters.Aggregate(operation.Path, (path, parameter) => path.Replace($"{{{parameter}}}", text, StringComparison.Ordinal));

    private static Task<string> MakeAsync(string parameter, Tenant tenant, string above)
    {
        Assert.True(
            Makers.TryGetValue(parameter, out var make),
            $"No test knows how to make an object for {{{parameter}}}: add a line to {nameof(PathObjects)}.{nameof(Makers)} that makes one over HTTP");
        return make!(tenant, above);
    }

    private static string FieldOf(JsonElement answer, string name) =>
        (answer.ValueKind == JsonValueKind.Array ? answer[0] : answer).GetProperty(name).GetString()!;
}
