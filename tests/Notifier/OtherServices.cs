using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts;
using EasySmart.Contracts.Auditing;
using EasySmart.Hosting;
using MassTransit;

namespace EasySmart.Notifier.Tests;

/// <summary>What the rest of the fleet is to this service: it publishes events, and takes those that are published here.</summary>
public sealed class OtherServices : IAsyncDisposable
{
    private readonly ConcurrentQueue<AuditRecorded> _received = [];
    private readonly IServiceHost _host;
    private readonly IBusControl _bus;

    private OtherServices(IServiceHost host)
    {
        _host = host;
        _bus = Bus.Factory.CreateUsingRabbitMq(rabbit =>
        {
            rabbit.Host(new Uri(RabbitMq));
            rabbit.ReceiveEndpoint($"test-{Guid.NewGuid():N}", queue =>
            {
                queue.AutoDelete = true;
                queue.Handler<AuditRecorded>(context =>
                {
                    _received.Enqueue(context.Message);
                    return Task.CompletedTask;
                });
            });
        });
    }

    public static string RabbitMq => TestServers.RabbitMq("test-notifier");

    public static async Task<OtherServices> StartAsync(IServiceHost host)
    {
        var others = new OtherServices(host);
        await others._bus.StartAsync();
        return others;
    }

    /// <summary>What was audited of a tenant, in the order of arrival.</summary>
    public IReadOnlyList<AuditRecorded> AuditsOf(Guid tenant) => [.. _received.Where(e => e.TenantId == tenant)];

    /// <summary>Publishes an event, as many times as a broker might deliver it, once the service has its queues.</summary>
    public async Task PublishAsync(IntegrationEvent @event, int times = 1)
    {
        var cancellation = TestContext.Current.CancellationToken;
        await Eventually.TrueAsync(async () =>
        {
            var ready = await _host.Direct().GetFromJsonAsync<JsonElement>("/health/ready", cancellation);
            return ready.GetProperty("checks").GetProperty("rabbitmq").GetString() == "ok";
        });
        await Task.WhenAll(Enumerable.Range(0, times).Select(_ => _bus.Publish(@event, @event.GetType(), cancellation)));
    }

    public async ValueTask DisposeAsync() => await _bus.StopAsync();
}
