using EasySmart.DeviceProvisioning.Devices;
using EasySmart.ServiceDefaults.Postgres;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>
/// Logs nobody in before the service listens. The first login of a process costs hundreds of milliseconds of compiling and connecting,
/// more than a busy machine leaves of the budget, and after a restart a whole fleet is at the door.
/// </summary>
public sealed class FirstLogin(DeviceLogins logins) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await logins.LogInAsync(Guid.Empty.ToString(), "", Credential.Hash(""), cancellationToken);
        }
        catch (Exception exception) when (Transient.Is(exception))
        {
            // Then the first device pays.
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
