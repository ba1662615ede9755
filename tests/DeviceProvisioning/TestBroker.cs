extern alias broker;

using System.Net;
using System.Net.Sockets;
using broker::EasySmart.Broker;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>The local fleet's broker, in this process. It asks the service under test whom to let in.</summary>
internal sealed class TestBroker : IAsyncDisposable
{
    private WebApplication? _app;

    public int Port { get; } = FreePort();

    public int AdminPort { get; } = FreePort();

    /// <summary>Whether the service has heard of all that happened to clients.</summary>
    public bool HasToldAll => _app!.Services.GetRequiredService<ClientEvents>().Count == 0;

    /// <param name="service">Where the service listens.</param>
    /// <param name="tells">Whether it tells the service of its clients; elsewhere the tests do.</param>
    public async Task StartAsync(Uri service, bool tells = false)
    {
        _app = BrokerHost.Build(
        [
            $"--Broker:TcpPort={Port}", "--Broker:WebSocketPort=0", $"--Broker:AdminPort={AdminPort}", "--Broker:HoldUntilSession=",
            $"--Broker:AuthenticatorUrl={new Uri(service, "/internal/mqtt/authenticate")}", $"--Broker:HookKey={DevicesHost.HookKey}",
            $"--Broker:EventsUrl={(tells ? new Uri(service, "/internal/mqtt/events") : "")}",
            $"--Broker:ApiKey={TestBrokerApi.Key}", $"--Broker:ApiSecret={TestBrokerApi.Secret}", "--Logging:LogLevel:Default=Error",
        ]);
        await _app.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }
    }

    // The service is told the port before the broker is told the service's.
    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
