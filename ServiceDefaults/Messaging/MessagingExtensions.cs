using EasySmart.Contracts;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Postgres;
using MassTransit;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace EasySmart.ServiceDefaults.Messaging;

/// <summary>Events over RabbitMQ, with outbox and inbox. Needs <c>AddPostgres</c> with a system data source.</summary>
public static class MessagingExtensions
{
    /// <summary>
    /// Connects to <c>ConnectionStrings:RabbitMq</c> and publishes the outbox. While RabbitMQ is away the service stays ready
    /// (check <c>rabbitmq</c> says <c>error</c>): the outbox holds. What callers are denied (403) goes to the audit that way.
    /// </summary>
    /// <param name="builder">The application.</param>
    /// <param name="subscribe">Names what the service does about whose events.</param>
    public static void AddMessaging(this IHostApplicationBuilder builder, Action<Subscriptions>? subscribe = null)
    {
        var subscriptions = new Subscriptions(builder.Services);
        subscribe?.Invoke(subscriptions);
        builder.Services.TryAddSingleton<Poisoned>();
        builder.Services.AddMassTransit(bus =>
        {
            // It would tell its makers of every bus that starts.
            bus.DisableUsageTelemetry();
            bus.ConfigureHealthCheckOptions(health =>
            {
                health.Name = "rabbitmq";
                health.MinimalFailureStatus = HealthStatus.Degraded;
            });
            subscriptions.AddConsumers(bus);
            bus.UsingRabbitMq((context, rabbit) =>
            {
                var text = context.GetRequiredService<IConfiguration>().GetConnectionString("RabbitMq");
                rabbit.Host(new Uri(string.IsNullOrEmpty(text)
                    ? throw new InvalidOperationException("ConnectionStrings:RabbitMq is not configured")
                    : text));
                // Nobody subscribes to all events at once.
                rabbit.Publish<IntegrationEvent>(topology => topology.Exclude = true);
                subscriptions.AddQueues(context, rabbit, context.GetRequiredService<ServiceName>().Value);
            });
        });
        builder.Services.AddHostedService<OutboxDispatcher>();
        // No event is under way for as long as that.
        builder.Services.AddCleaning(new Outdated("DELETE FROM inbox WHERE received_at < $1", TimeSpan.FromDays(30)));
        builder.Services.AddSingleton<Denials>();
        builder.Services.AddSingleton<IAuthorizationMiddlewareResultHandler>(services => services.GetRequiredService<Denials>());
        builder.Services.AddHostedService(services => services.GetRequiredService<Denials>());
    }
}

/// <summary>What a service does about whose events.</summary>
public sealed class Subscriptions
{
    private readonly IServiceCollection _services;
    private readonly List<(Type Consumer, Type Event)> _consumers = [];

    internal Subscriptions(IServiceCollection services) => _services = services;

    /// <summary>Lets <typeparamref name="THandler"/> handle <typeparamref name="TEvent"/>: a durable quorum queue <c>service.event</c> of its own.</summary>
    public Subscriptions On<TEvent, THandler>() where TEvent : IntegrationEvent where THandler : class, IEventHandler<TEvent>
    {
        _services.AddScoped<THandler>();
        _consumers.Add((typeof(InboxConsumer<TEvent, THandler>), typeof(TEvent)));
        return this;
    }

    internal void AddConsumers(IBusRegistrationConfigurator bus)
    {
        foreach (var (consumer, _) in _consumers)
        {
            bus.AddConsumer(consumer);
        }
    }

    internal void AddQueues(IBusRegistrationContext context, IRabbitMqBusFactoryConfigurator rabbit, string service)
    {
        foreach (var (consumer, @event) in _consumers)
        {
            rabbit.ReceiveEndpoint($"{service}.{KebabCaseEndpointNameFormatter.Instance.SanitizeName(@event.Name)}", queue =>
            {
                queue.SetQuorumQueue();
                queue.PrefetchCount = 16;
                // Nobody subscribes to them, and to publish one holds the queue's consumer, and what health says of RabbitMQ, until RabbitMQ is back.
                queue.PublishFaults = false;
                queue.ConfigureConsumer(context, consumer);
            });
        }
    }
}
