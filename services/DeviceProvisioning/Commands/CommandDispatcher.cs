using EasySmart.DeviceProvisioning.Messages;
using EasySmart.DeviceProvisioning.Sessions;
using EasySmart.ServiceDefaults.Postgres;
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
    private Guid _last;

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

    // Whether there may be more at once. All devices have their turn before one that failed is tried again.
    private async Task<bool> SendAsync(CancellationToken stopping)
    {
        var devices = await DueCommands.DevicesAsync(database, _last, Most, clock.GetUtcNow(), stopping);
        var more = devices.Count == Most;
        _last = more ? devices[^1] : Guid.Empty;
        await Parallel.ForEachAsync(
            devices,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stopping },
            async (device, cancellation) => await SendAsync(device, cancellation));
        return more;
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
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            // The rest stays due.
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
