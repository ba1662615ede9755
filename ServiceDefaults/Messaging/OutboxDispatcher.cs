using System.Diagnostics.Metrics;
using EasySmart.Contracts;
using EasySmart.ServiceDefaults.Postgres;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EasySmart.ServiceDefaults.Messaging;

/// <summary>
/// Publishes the outbox. One instance of a service does so at a time (an advisory lock), in the order of <c>seq</c> for each key. A row
/// is deleted after the broker confirmed it: a crash in between repeats the event, and the consumers' inboxes ignore the repeat.
/// </summary>
public sealed partial class OutboxDispatcher : BackgroundService
{
    private const int BatchSize = 200;
    private const long Lock = 0x4F757462;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(5);

    private readonly NpgsqlDataSource _database;
    private readonly IBusControl _bus;
    private readonly ILogger<OutboxDispatcher> _logger;
    private long _waiting;

    /// <summary>Made by <c>AddMessaging</c>.</summary>
    public OutboxDispatcher(
        [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, IBusControl bus, IMeterFactory meters, ILogger<OutboxDispatcher> logger)
    {
        (_database, _bus, _logger) = (database, bus, logger);
        meters.Create("EasySmart.Messaging").CreateObservableGauge(
            "outbox.pending", () => Interlocked.Read(ref _waiting), "{event}", "Events committed and not yet confirmed by the broker, as last counted");
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // RabbitMQ drops what no queue is bound for. Once this service's own queues have been declared, they stay.
        await _bus.WaitForHealthStatus(BusHealthStatus.Healthy, stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAndDrainAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Broker or database is away: nothing is lost, the rows stay.
                LogStalled(exception.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), stoppingToken);
            }
        }
    }

    private async Task ListenAndDrainAsync(CancellationToken stopping)
    {
        await using var connection = await _database.OpenConnectionAsync(stopping);
        await using (var listen = new NpgsqlCommand("LISTEN outbox", connection))
        {
            await listen.ExecuteNonQueryAsync(stopping);
        }

        // A notice that comes while rows are dispatched is told with the end of that, and nobody would wait for it any more.
        var told = false;
        connection.Notification += (_, _) => told = true;
        while (true)
        {
            do
            {
                told = false;
            }
            while (await DispatchAsync(connection, stopping) == BatchSize || told);

            // Polled besides, for rows that another instance left behind.
            await connection.WaitAsync(Poll, stopping);
        }
    }

    /// <summary>Publishes one batch. Returns how many rows it held; 0 also when another instance is at it.</summary>
    private async Task<int> DispatchAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        await using var transaction = await connection.BeginTransactionAsync(stopping);
        await using (var tryLock = new NpgsqlCommand($"SELECT pg_try_advisory_xact_lock({Lock})", connection, transaction))
        {
            if (await tryLock.ExecuteScalarAsync(stopping) is not true)
            {
                return 0;
            }
        }

        var batch = await ReadAsync(connection, transaction, stopping);
        if (batch.Count == 0)
        {
            return 0;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        patience.CancelAfter(Patience);
        await Task.WhenAll(batch.GroupBy(row => row.Key).Select(group => PublishInOrderAsync(group.Select(row => row.Event), patience.Token)));

        await using var delete = new NpgsqlCommand("DELETE FROM outbox WHERE seq = ANY($1)", connection, transaction);
        delete.Parameters.Add(new() { Value = batch.Select(row => row.Seq).ToArray() });
        await delete.ExecuteNonQueryAsync(stopping);
        await transaction.CommitAsync(stopping);
        return batch.Count;
    }

    private async Task<List<(long Seq, string Key, IntegrationEvent Event)>> ReadAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken stopping)
    {
        await using var select = new NpgsqlCommand(
            $"SELECT seq, key, type, body, (SELECT count(*) FROM outbox) FROM outbox ORDER BY seq LIMIT {BatchSize}", connection, transaction);
        await using var reader = await select.ExecuteReaderAsync(stopping);
        var batch = new List<(long, string, IntegrationEvent)>();
        long waiting = 0;
        while (await reader.ReadAsync(stopping))
        {
            batch.Add((reader.GetInt64(0), reader.GetString(1), OutboxMessage.Read(reader.GetString(2), reader.GetString(3))));
            waiting = reader.GetInt64(4);
        }

        Interlocked.Exchange(ref _waiting, waiting);
        return batch;
    }

    private async Task PublishInOrderAsync(IEnumerable<IntegrationEvent> events, CancellationToken cancellation)
    {
        foreach (var one in events)
        {
            await _bus.Publish(one, one.GetType(), context => context.MessageId = one.EventId, cancellation);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Events wait in the outbox: {Reason}")]
    private partial void LogStalled(string reason);
}
