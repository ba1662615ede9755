using EasySmart.Contracts.DeviceProvisioning;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>
/// How a device gets in: from memory where that says yes, else by the database within the budget; not while it guesses, and not under a
/// client id that is another's.
/// </summary>
public sealed class DeviceDoor(
    LoginMemory memory, DeviceLogins database, LoginThrottle throttle, ClientIds clientIds, IOptions<MqttOptions> options, TimeProvider clock)
{
    public async Task<DeviceLogin> LogInAsync(AuthenticateRequest request, byte[] passwordHash, CancellationToken cancellation)
    {
        var (username, clientId) = (request.Username ?? "", request.Clientid ?? "");
        if (clientId.StartsWith(ServiceAccounts.Prefix, StringComparison.Ordinal))
        {
            return DeviceLogin.Refused(DeviceLogin.ClientId);
        }

        var attempt = LoginAttempt.Of(username, request.Peerhost);
        if (throttle.Slows(attempt))
        {
            return DeviceLogin.Refused(DeviceLogin.Slowed);
        }

        var login = memory.LogIn(username, passwordHash);
        return login is { Status: DeviceStatus.Active }
            ? Admit(login, clientId, attempt)
            : await LogInWithinBudgetAsync(login, request, attempt, passwordHash, cancellation);
    }

    private async Task<DeviceLogin> LogInWithinBudgetAsync(
        DeviceLogin? login, AuthenticateRequest request, LoginAttempt attempt, byte[] passwordHash, CancellationToken cancellation)
    {
        using var time = new CancellationTokenSource(options.Value.LoginBudget, clock);
        using var budget = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellation);
        try
        {
            if (login is null)
            {
                // While memory cannot tell, whoever is right must be able to prove it.
                if (memory.IsTrusted && throttle.SlowsStranger(attempt))
                {
                    return DeviceLogin.Refused(DeviceLogin.Slowed);
                }

                // Waited for from outside: a server that no longer answers does not answer a cancellation either.
                login = await AskAsync(request, attempt, passwordHash, budget.Token).WaitAsync(budget.Token);
            }

            login = Admit(login, request.Clientid ?? "", attempt);
            if (login.Status == DeviceStatus.Claimed)
            {
                await database.ActivateAsync(login, request.Peerhost, budget.Token);
            }

            return login;
        }
        catch (Exception exception) when (exception is TimeoutException || (exception is OperationCanceledException && time.IsCancellationRequested))
        {
            return DeviceLogin.Refused(DeviceLogin.Timeout);
        }
    }

    // What fails counts, also when nobody waits for it any more.
    private async Task<DeviceLogin> AskAsync(AuthenticateRequest request, LoginAttempt attempt, byte[] passwordHash, CancellationToken cancellation)
    {
        var login = await database.LogInAsync(request.Username ?? "", request.Password ?? "", passwordHash, cancellation);
        if (login.Refusal is DeviceLogin.Unknown or DeviceLogin.WrongSecret)
        {
            throttle.Failed(attempt);
        }

        return login;
    }

    private DeviceLogin Admit(DeviceLogin login, string clientId, LoginAttempt attempt)
    {
        if (login.Refusal is not null)
        {
            return login;
        }

        throttle.Passed(attempt);
        // Firmware logs in with its device id as client id: whoever took that while it is away would keep it out.
        var isAnothers = Guid.TryParse(clientId, out var named) && named != login.DeviceId && memory.Knows(named);
        return !isAnothers && clientIds.TryTake(clientId, login.DeviceId) ? login : DeviceLogin.Refused(DeviceLogin.ClientId);
    }
}
