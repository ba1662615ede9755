using System.Text.Json;
using EasySmart.Contracts;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace EasySmart.ServiceDefaults.Messaging;

/// <summary>
/// The transactional outbox: an event is committed with the change that it tells of, and published afterwards by
/// <see cref="OutboxDispatcher"/>. Ours, because MassTransit's needs a package that is not available to us.
/// </summary>
public static class Outbox
{
    /// <summary>Adds the outbox to a context's model; every context that publishes calls it in <c>OnModelCreating</c>.</summary>
    public static void AddOutbox(this ModelBuilder model) => model.Entity<OutboxMessage>(message =>
    {
        message.ToTable("outbox");
        message.HasKey(m => m.Id);
        message.Property(m => m.Id).ValueGeneratedNever();
        message.Property(m => m.Body).HasColumnType("jsonb");
    });

    /// <summary>Publishes <paramref name="event"/> if and when this context's changes are committed.</summary>
    /// <param name="context">The context whose changes the event tells of.</param>
    /// <param name="event">The event.</param>
    /// <param name="key">What the order is kept for: events with the same key are published in the order of their commits.</param>
    public static void Publish(this DbContext context, IntegrationEvent @event, string key = "") => context.Add(OutboxMessage.Of(@event, key));

    /// <summary>Publishes <paramref name="event"/> if and when <paramref name="transaction"/> is committed.</summary>
    /// <param name="transaction">The transaction of the change.</param>
    /// <param name="event">The event.</param>
    /// <param name="key">What the order is kept for.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task PublishAsync(this NpgsqlTransaction transaction, IntegrationEvent @event, string key, CancellationToken cancellation)
    {
        var message = OutboxMessage.Of(@event, key);
        await using var command = new NpgsqlCommand(
            "INSERT INTO outbox (id, type, key, body, occurred_at) VALUES ($1, $2, $3, $4::jsonb, $5)", transaction.Connection, transaction)
        {
            Parameters =
            {
                new() { Value = message.Id },
                new() { Value = message.Type },
                new() { Value = message.Key },
                new() { Value = message.Body },
                new() { Value = message.OccurredAt },
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Publishes many events, in their order, if and when <paramref name="transaction"/> is committed: one statement for all of them.</summary>
    /// <param name="transaction">The transaction of the changes.</param>
    /// <param name="events">The events, each with what its order is kept for.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task PublishAsync(
        this NpgsqlTransaction transaction, IEnumerable<(IntegrationEvent Event, string Key)> events, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch(transaction.Connection, transaction) { BatchCommands = { Publishing(events) } };
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>The statement of <see cref="PublishAsync(NpgsqlTransaction, IEnumerable{ValueTuple{IntegrationEvent, string}}, CancellationToken)"/>, to be sent together with others.</summary>
    /// <param name="events">The events, each with what its order is kept for.</param>
    public static NpgsqlBatchCommand Publishing(IEnumerable<(IntegrationEvent Event, string Key)> events)
    {
        var messages = events.Select(e => OutboxMessage.Of(e.Event, e.Key)).ToArray();
        return new NpgsqlBatchCommand(
            """
            INSERT INTO outbox (id, type, key, body, occurred_at)
            SELECT id, type, key, body::jsonb, occurred_at
            FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY m (id, type, key, body, occurred_at, place) ORDER BY place
            """)
        {
            Parameters =
            {
                new() { Value = Array.ConvertAll(messages, m => m.Id) },
                new() { Value = Array.ConvertAll(messages, m => m.Type) },
                new() { Value = Array.ConvertAll(messages, m => m.Key) },
                new() { Value = Array.ConvertAll(messages, m => m.Body) },
                new() { Value = Array.ConvertAll(messages, m => m.OccurredAt) },
            },
        };
    }
}

/// <summary>A row of the outbox.</summary>
public sealed class OutboxMessage
{
    /// <summary>The event's id.</summary>
    public Guid Id { get; private init; }

    /// <summary>The event's type, by its full name in Contracts.</summary>
    public required string Type { get; init; }

    /// <summary>What the order is kept for.</summary>
    public required string Key { get; init; }

    /// <summary>The event as JSON.</summary>
    public required string Body { get; init; }

    /// <summary>When it happened.</summary>
    public DateTimeOffset OccurredAt { get; private init; }

    internal static OutboxMessage Of(IntegrationEvent @event, string key) => new()
    {
        Id = @event.EventId,
        Type = @event.GetType().FullName!,
        Key = key,
        Body = JsonSerializer.Serialize(@event, @event.GetType()),
        OccurredAt = @event.OccurredAt.ToUniversalTime(),
    };

    internal static IntegrationEvent Read(string type, string body) =>
        (IntegrationEvent)JsonSerializer.Deserialize(body, typeof(IntegrationEvent).Assembly.GetType(type, throwOnError: true)!)!;
}
