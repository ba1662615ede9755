using System.Text.Json.Serialization;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>
/// The broker asks whether a client may connect, and what it may do then. 200 with <c>allow</c> or <c>deny</c> is a decision; anything
/// else makes EMQX refuse, which is what we want of every fault here.
/// </summary>
public static class Authenticate
{
    public static async Task<Results<JsonHttpResult<AuthenticateAnswer>, ProblemResult>> HandleAsync(
        AuthenticateRequest request, ServiceAccounts services, DeviceDoor devices, LoginMetrics metrics, CancellationToken cancellation)
    {
        var username = request.Username ?? "";
        var passwordHash = Credential.Hash(request.Password ?? "");
        if (username.StartsWith(ServiceAccounts.Prefix, StringComparison.Ordinal))
        {
            return services.LogIn(username, passwordHash) is { } access
                ? Answer(metrics, "service", new("allow", false, [], access))
                : Deny(metrics, "service_refused");
        }

        var login = await devices.LogInAsync(request, passwordHash, cancellation);
        switch (login.Refusal)
        {
            case null:
                return Allow(metrics, login);
            case DeviceLogin.Timeout:
                metrics.Count(DeviceLogin.Timeout);
                return Problem.Unavailable("The database did not answer in time");
            default:
                return Deny(metrics, login.Refusal);
        }
    }

    private static JsonHttpResult<AuthenticateAnswer> Allow(LoginMetrics metrics, DeviceLogin login)
    {
        var (tenant, device) = (login.TenantId!.Value, login.DeviceId);
        var attributes = new Dictionary<string, string>
        {
            ["tenant_id"] = tenant.ToString(),
            ["device_id"] = device.ToString(),
            ["credential_id"] = login.CredentialId!.Value.ToString(),
        };
        return Answer(metrics, "device", new("allow", false, attributes, AccessList.Of(tenant, device), login.ValidUntil?.ToUnixTimeSeconds()));
    }

    private static JsonHttpResult<AuthenticateAnswer> Deny(LoginMetrics metrics, string why) =>
        Answer(metrics, why, new("deny", false, [], AccessList.Nothing));

    private static JsonHttpResult<AuthenticateAnswer> Answer(LoginMetrics metrics, string counted, AuthenticateAnswer answer)
    {
        metrics.Count(counted);
        // Without a charset: EMQX looks at the content type.
        return TypedResults.Json(answer, contentType: "application/json");
    }
}

/// <summary>What the broker knows of the client. A client without user name or password has null or an empty one, and is refused.</summary>
/// <param name="Clientid">The MQTT client id.</param>
/// <param name="Username">A device's id or label, or a service account.</param>
/// <param name="Password">The device's secret.</param>
/// <param name="Peerhost">The client's address.</param>
public sealed record AuthenticateRequest(string? Clientid, string? Username, string? Password, string? Peerhost);

/// <summary>EMQX 5.8's answer of an HTTP authenticator.</summary>
/// <param name="Result"><c>allow</c> or <c>deny</c></param>
/// <param name="IsSuperuser">Never.</param>
/// <param name="ClientAttrs">What the broker keeps with the session and tells in its events.</param>
/// <param name="Acl">What the client may do.</param>
/// <param name="ExpireAt">When the broker ends the session, in seconds since 1970; absent where the secret does not run out.</param>
public sealed record AuthenticateAnswer(
    string Result,
    bool IsSuperuser,
    Dictionary<string, string> ClientAttrs,
    IReadOnlyList<AccessRule> Acl,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? ExpireAt = null);
