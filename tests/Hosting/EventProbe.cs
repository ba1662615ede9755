using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts;
using MassTransit;

namespace EasySmart.Hosting;

/// <summary>What the rest of the fleet is to a service under test: it takes the events that are published, and publishes what others would.</summary>
/// <param name="host">The service under test.</param>
/// <param name="virtualHost">The virtual host that the service uses.</param>
public sealed class EventProbe(IServiceHost host, string virtualHost) : IAsyncDisposable
{
    private readonly ConcurrentQueue<IntegrationEvent> _seen = [];
    private readonly List<Action<IReceiveEndpointConfigurator>> _listening = [];
    private IBusControl? _bus;

    /// <summary>Takes events of this type. Called before <see cref="StartAsync"/>.</summary>
    public EventProbe On<TEvent>() where TEvent : IntegrationEvent
    {
        _listening.Add(queue => queue.Handler<TEvent>(context =>
        {
            _seen.Enqueue(context.Message);
            return Task.CompletedTask;
        }));
        return this;
    }

    /// <summary>From here on nothing that is published is missed.</summary>
    public async Task StartAsync()
    {
        _bus = Bus.Factory.CreateUsingRabbitMq(rabbit =>
        {
            rabbit.Host(new Uri(TestServers.RabbitMq(virtualHost)));
            rabbit.Publish<IntegrationEvent>(topology => topology.Exclude = true);
            rabbit.ReceiveEndpoint($"tests-{Guid.NewGuid():N}", queue =>
            {
                queue.AutoDelete = true;
                // One at a time, so that what was seen is in the order of arrival.
                queue.ConcurrentMessageLimit = 1;
                _listening.ForEach(listen => listen(queue));
            });
        });
        await _bus.StartAsync();
    }

    /// <summary>Publishes an event, as many times as a broker might deliver it, once the service has its queues.</summary>
    public async Task PublishAsync(IntegrationEvent @event, int times = 1)
    {
        var cancellation = TestContext.Current.CancellationToken;
        await Eventually.TrueAsync(async () =>
        {
            var ready = await host.Direct().GetFromJsonAsync<JsonElement>("/health/ready", cancellation);
            return ready.GetProperty("checks").GetProperty("rabbitmq").GetString() == "ok";
        });
        await Task.WhenAll(Enumerable.Range(0, times).Select(_ =>
            _bus!.Publish(@event, @event.GetType(), context => context.MessageId = @event.EventId, cancellation)));
    }

    /// <summary>What was seen, in the order of arrival.</summary>
    public IReadOnlyList<TEvent> All<TEvent>(Func<TEvent, bool> which) where TEvent : IntegrationEvent => [.. _seen.OfType<TEvent>().Where(which)];

    /// <summary>Waits for the first such event.</summary>
    public Task<TEvent> ExpectAsync<TEvent>(Func<TEvent, bool> which) where TEvent : IntegrationEvent =>
        Eventually.GetAsync(() => Task.FromResult(_seen.OfType<TEvent>().FirstOrDefault(which)));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_bus is not null)
        {
            await _bus.StopAsync();
        }
    }
}
