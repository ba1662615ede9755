using System.Diagnostics.Metrics;
using EasySmart.Contracts;
using EasySmart.ServiceDefaults.Postgres;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Polly;

namespace EasySmart.ServiceDefaults.Messaging;

/// <summary>What a service does about an event, within the transaction that records the event in the inbox.</summary>
/// <typeparam name="TEvent">The event.</typeparam>
public interface IEventHandler<in TEvent> where TEvent : IntegrationEvent
{
    /// <summary>Does it, on the system role. Whatever it writes or publishes on <paramref name="transaction"/> takes effect exactly once.</summary>
    /// <param name="event">The event.</param>
    /// <param name="transaction">Committed by the caller.</param>
    /// <param name="cancellation">The service is stopping.</param>
    Task HandleAsync(TEvent @event, NpgsqlTransaction transaction, CancellationToken cancellation);
}

/// <summary>Takes an event from the broker: exactly once in effect, tried again for as long as the fault is a passing one.</summary>
internal sealed partial class InboxConsumer<TEvent, THandler>(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, THandler handler, Poisoned poisoned, ILogger<InboxConsumer<TEvent, THandler>> logger)
    : IConsumer<TEvent>
    where TEvent : IntegrationEvent
    where THandler : IEventHandler<TEvent>
{
    public async Task Consume(ConsumeContext<TEvent> context)
    {
        try
        {
            await Patiently().ExecuteAsync(
                async cancellation => await HandleOnceAsync(context.Message, cancellation), context.CancellationToken);
        }
        catch (Exception exception) when (!context.CancellationToken.IsCancellationRequested)
        {
            poisoned.Count(typeof(THandler).Name);
            LogPoisoned(exception, typeof(TEvent).Name, context.Message.EventId);
            throw;
        }
    }

    private async Task HandleOnceAsync(TEvent @event, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using var record = new NpgsqlCommand(
            "INSERT INTO inbox (event_id, consumer) VALUES ($1, $2) ON CONFLICT DO NOTHING", connection, transaction);
        record.Parameters.Add(new() { Value = @event.EventId });
        record.Parameters.Add(new() { Value = typeof(THandler).Name });
        if (await record.ExecuteNonQueryAsync(cancellation) == 0)
        {
            return;
        }

        await handler.HandleAsync(@event, transaction, cancellation);
        await transaction.CommitAsync(cancellation);
    }

    private ResiliencePipeline Patiently() => new ResiliencePipelineBuilder().AddRetry(new()
    {
        MaxRetryAttempts = int.MaxValue,
        BackoffType = DelayBackoffType.Exponential,
        UseJitter = true,
        Delay = TimeSpan.FromMilliseconds(100),
        MaxDelay = TimeSpan.FromSeconds(15),
        ShouldHandle = new PredicateBuilder().Handle<Exception>(Transient.Is),
        OnRetry = attempt =>
        {
            LogRetry(typeof(TEvent).Name, attempt.AttemptNumber + 1, attempt.Outcome.Exception!.Message);
            return ValueTask.CompletedTask;
        },
    }).Build();

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Event}: attempt {Attempt} failed, trying again: {Reason}")]
    private partial void LogRetry(string @event, int attempt, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Event} {EventId} cannot be handled and goes to the error queue")]
    private partial void LogPoisoned(Exception exception, string @event, Guid eventId);
}

/// <summary>Counts the events that went to the error queue; an alert looks at it.</summary>
internal sealed class Poisoned(IMeterFactory meters)
{
    private readonly Counter<long> _counter = meters.Create("EasySmart.Messaging")
        .CreateCounter<long>("events.poisoned", "{event}", "Events that could not be handled and went to the error queue");

    public void Count(string handler) => _counter.Add(1, new KeyValuePair<string, object?>("handler", handler));
}
