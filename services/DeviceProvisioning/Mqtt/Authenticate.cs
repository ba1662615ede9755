using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>
/// The broker asks whether a client may connect, and what it may do then. 200 with <c>allow</c> or <c>deny</c> is a decision; anything
/// else makes EMQX refuse, which is what we want of every fault here.
/// </summary>
public static class Authenticate
{
    public static async Task<Results<JsonHttpResult<AuthenticateAnswer>, ProblemResult>> HandleAsync(
        AuthenticateRequest request, ServiceAccounts services, DeviceLogins devices, LoginMetrics metrics, IOptions<MqttOptions> options,
        TimeProvider clock, CancellationToken cancellation)
    {
        var username = request.Username ?? "";
        var passwordHash = Credential.Hash(request.Password ?? "");
        if (username.StartsWith(ServiceAccounts.Prefix, StringComparison.Ordinal))
        {
            return services.LogIn(username, passwordHash) is { } access
                ? Answer(metrics, "allow", "service", [], access)
                : Deny(metrics, "service_refused");
        }

        if (request.Clientid?.StartsWith(ServiceAccounts.Prefix, StringComparison.Ordinal) == true)
        {
            return Deny(metrics, "client_id");
        }

        using var time = new CancellationTokenSource(options.Value.LoginBudget, clock);
        using var budget = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellation);
        try
        {
            // Waited for from outside: a server that no longer answers does not answer a cancellation either.
            var login = await devices.LogInAsync(username, passwordHash, budget.Token).WaitAsync(budget.Token);
            if (login.Refusal is { } why)
            {
                return Deny(metrics, why);
            }

            if (login.Status == DeviceStatus.Claimed)
            {
                await devices.ActivateAsync(login, request.Peerhost, budget.Token);
            }

            return Allow(metrics, login);
        }
        catch (OperationCanceledException) when (time.IsCancellationRequested)
        {
            metrics.Count("timeout");
            return Problem.Unavailable("The database did not answer in time");
        }
    }

    private static JsonHttpResult<AuthenticateAnswer> Allow(LoginMetrics metrics, DeviceLogin login)
    {
        var (tenant, device) = (login.TenantId!.Value, login.DeviceId);
        var attributes = new Dictionary<string, string> { ["tenant_id"] = tenant.ToString(), ["device_id"] = device.ToString() };
        return Answer(metrics, "allow", "device", attributes, AccessList.Of(tenant, device));
    }

    private static JsonHttpResult<AuthenticateAnswer> Deny(LoginMetrics metrics, string why) =>
        Answer(metrics, "deny", why, [], AccessList.Nothing);

    private static JsonHttpResult<AuthenticateAnswer> Answer(
        LoginMetrics metrics, string result, string counted, Dictionary<string, string> attributes, IReadOnlyList<AccessRule> access)
    {
        metrics.Count(counted);
        // Without a charset: EMQX looks at the content type.
        return TypedResults.Json(new AuthenticateAnswer(result, false, attributes, access), contentType: "application/json");
    }
}

/// <summary>What the broker knows of the client. A client without user name or password has null or an empty one, and is refused.</summary>
/// <param name="Clientid">The MQTT client id.</param>
/// <param name="Username">A device's id or label, or a service account.</param>
/// <param name="Password">The device's secret.</param>
/// <param name="Peerhost">The client's address.</param>
public sealed record AuthenticateRequest(string? Clientid, string? Username, string? Password, string? Peerhost);

/// <summary>EMQX 5.8's answer of an HTTP authenticator.</summary>
public sealed record AuthenticateAnswer(
    string Result, bool IsSuperuser, IReadOnlyDictionary<string, string> ClientAttrs, IReadOnlyList<AccessRule> Acl);
