using EasySmart.DeviceProvisioning.Messages;
using EasySmart.DeviceProvisioning.Sessions;
using EasySmart.ServiceDefaults.Postgres;
using MQTTnet.Exceptions;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>
/// Sends what is due, each device's commands in their order. First the broker has a command, then that is stored: a crash in between sends it
/// once more, under the same id.
/// </summary>
public sealed partial class CommandDispatcher(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    BrokerSession session,
    SessionMetrics metrics,
    TimeProvider clock,
    ILogger<CommandDispatcher> logger) : BackgroundService
{
    private const int AtOnce = 4;
    private const int Most = 200;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private readonly Wake _wake = new();
    private int _failures;

    /// <summary>Something is due.</summary>
    public void Wake() => _wake.Now();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        session.CameUp += Wake;
        while (!stoppingToken.IsCancellationRequested)
        {
            var more = false;
            try
            {
                more = session.IsUp && await SendAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(exception.Message);
            }

            if (!more)
            {
                await _wake.WaitAsync(Poll, clock, stoppingToken);
            }
        }
    }

    // Whether there may be more at once.
    private async Task<bool> SendAsync(CancellationToken stopping)
    {
        _failures = 0;
        var devices = await DueCommands.DevicesAsync(database, Most, stopping);
        await Parallel.ForEachAsync(
            devices,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stopping },
            async (device, cancellation) => await SendAsync(device, cancellation));
        return devices.Count == Most && _failures == 0;
    }

    private async Task SendAsync(Guid device, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var commands = await DueCommands.TakeAsync(transaction, device, clock.GetUtcNow(), cancellation);
        // One that nobody hears keeps back those of the same name behind it, not others: the device may have subscribed to these alone.
        var unheard = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            foreach (var command in commands.Where(command => !command.Handled))
            {
                // Before, not after: who subscribes in between is sent it again, rather than not at all.
                var now = clock.GetUtcNow();
                if (!unheard.Contains(command.Name) && await PublishAsync(command, now, cancellation))
                {
                    command.SentAt = now;
                }
                else
                {
                    unheard.Add(command.Name);
                }

                command.Handled = true;
            }
        }
        catch (Exception exception) when (exception is MqttCommunicationException or MqttClientNotConnectedException or TimeoutException
            || (exception is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            // The rest stays due.
            Interlocked.Increment(ref _failures);
            LogNotSent(device, exception.Message);
        }

        var handled = commands.FindAll(command => command.Handled);
        if (handled.Count > 0)
        {
            await DueCommands.StoreAsync(transaction, handled, cancellation);
            await transaction.CommitAsync(cancellation);
            metrics.Command("sent", handled.Count(command => command.SentAt is not null));
        }
    }

    private Task<bool> PublishAsync(DueCommand command, DateTimeOffset now, CancellationToken cancellation) =>
        session.PublishAsync(
            command.Topic,
            CommandJson.Message(command.Id, command.Name, command.Payload, command.CreatedAt, command.ExpiresAt),
            command.ExpiresAt - now,
            cancellation);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Commands of device {DeviceId} are not sent yet: {Reason}")]
    private partial void LogNotSent(Guid deviceId, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Commands wait for the database: {Reason}")]
    private partial void LogLater(string reason);
}
