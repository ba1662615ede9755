using System.Net;
using System.Net.Sockets;
using MQTTnet;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace EasySmart.Ingestion.Tests;

/// <summary>A real broker in this process, open to everybody, with persistent sessions.</summary>
public sealed class TestBroker : IAsyncDisposable
{
    private MqttServer? _server;

    public int Port { get; } = FreePort();

    /// <summary>Messages that the broker holds and that are not acknowledged, queued ones included.</summary>
    public async Task<long> PendingAsync(string session) =>
        (await _server!.GetSessionsAsync()).Single(s => s.Id == session).PendingApplicationMessagesCount;

    public async Task StartAsync()
    {
        _server = new MqttServerFactory().CreateMqttServer(new MqttServerOptionsBuilder()
            .WithDefaultEndpoint().WithDefaultEndpointBoundIPAddress(IPAddress.Loopback).WithDefaultEndpointBoundIPV6Address(IPAddress.None)
            .WithDefaultEndpointPort(Port).WithPersistentSessions().WithMaxPendingMessagesPerClient(100_000).Build());
        await _server!.StartAsync();
    }

    public async Task StopAsync()
    {
        await _server!.StopAsync();
        _server!.Dispose();
    }

    /// <summary>Ends a client's connection; its session stays.</summary>
    public Task DisconnectAsync(string session) => _server!.DisconnectClientAsync(session, MqttDisconnectReasonCode.AdministrativeAction);

    public async Task<IMqttClient> ConnectAsync()
    {
        var client = new MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", Port).Build(), TestContext.Current.CancellationToken);
        return client;
    }

    /// <summary>Publishes at QoS 1, in order, each acknowledged by the broker.</summary>
    public async Task PublishAsync(params IEnumerable<(string Topic, string Payload)> messages)
    {
        using var client = await ConnectAsync();
        foreach (var (topic, payload) in messages)
        {
            await client.PublishStringAsync(topic, payload, MqttQualityOfServiceLevel.AtLeastOnce, cancellationToken: TestContext.Current.CancellationToken);
        }

        await client.DisconnectAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await StopAsync();
        }
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
