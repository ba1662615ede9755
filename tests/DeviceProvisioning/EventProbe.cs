using System.Collections.Concurrent;
using EasySmart.Contracts;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Hosting;
using MassTransit;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A subscriber like any other service: collects what is published, and publishes what others would.</summary>
public sealed class EventProbe(string rabbitMq) :
    IConsumer<DeviceChanged>, IConsumer<DeviceRegistered>, IConsumer<AuditRecorded>, IAsyncDisposable
{
    private readonly ConcurrentQueue<IntegrationEvent> _seen = [];
    private IBusControl? _bus;

    public async Task StartAsync()
    {
        _bus = Bus.Factory.CreateUsingRabbitMq(rabbit =>
        {
            rabbit.Host(new Uri(rabbitMq));
            rabbit.Publish<IntegrationEvent>(topology => topology.Exclude = true);
            rabbit.ReceiveEndpoint($"tests-{Guid.NewGuid():N}", queue =>
            {
                queue.AutoDelete = true;
                queue.Instance(this);
            });
        });
        await _bus.StartAsync();
    }

    public Task PublishAsync<TEvent>(TEvent @event) where TEvent : IntegrationEvent =>
        _bus!.Publish(@event, context => context.MessageId = @event.EventId, TestContext.Current.CancellationToken);

    public IReadOnlyList<TEvent> All<TEvent>(Func<TEvent, bool> which) => [.. _seen.OfType<TEvent>().Where(which)];

    public Task<TEvent> ExpectAsync<TEvent>(Func<TEvent, bool> which) where TEvent : IntegrationEvent =>
        Eventually.GetAsync(() => Task.FromResult(_seen.OfType<TEvent>().FirstOrDefault(which)));

    public Task Consume(ConsumeContext<DeviceChanged> context) => Keep(context.Message);

    public Task Consume(ConsumeContext<DeviceRegistered> context) => Keep(context.Message);

    public Task Consume(ConsumeContext<AuditRecorded> context) => Keep(context.Message);

    public async ValueTask DisposeAsync()
    {
        if (_bus is not null)
        {
            await _bus.StopAsync();
        }
    }

    private Task Keep(IntegrationEvent @event)
    {
        _seen.Enqueue(@event);
        return Task.CompletedTask;
    }
}
