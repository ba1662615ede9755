using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EasySmart.ServiceDefaults.Postgres;

/// <summary>
/// Hears what the database is told on some channels (LISTEN), on a connection of its own, for as long as the service runs: a connection that is
/// lost is opened again. What is told meanwhile is lost, so that whoever listens looks for itself each time it begins to.
/// </summary>
public abstract partial class ListeningService : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private readonly NpgsqlDataSource _database;
    private readonly string _listen;
    private readonly ILogger _logger;

    /// <summary>Made by what is derived from it.</summary>
    /// <param name="database">Where to listen.</param>
    /// <param name="channels">Their names, as SQL takes them.</param>
    /// <param name="logger">Told when the connection is lost.</param>
    protected ListeningService(NpgsqlDataSource database, IEnumerable<string> channels, ILogger logger) =>
        (_database, _listen, _logger) = (database, string.Join("; ", channels.Select(channel => $"LISTEN {channel}")), logger);

    /// <inheritdoc/>
    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = await _database.OpenConnectionAsync(stoppingToken);
                connection.Notification += (_, notice) => Hear(notice.Channel, notice.Payload);
                await SayAsync(connection, _listen, stoppingToken);
                await ListenAsync(connection, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLost(Transient.Is(exception) ? LogLevel.Warning : LogLevel.Error, exception.Message);
                await Task.Delay(Pause, stoppingToken);
            }
        }
    }

    /// <summary>A notice came. Called while something is read from the connection or waited for on it.</summary>
    protected abstract void Hear(string channel, string payload);

    /// <summary>The connection listens now. Goes on until it breaks, waiting on it for notices and asking it something now and then: one that died silently looks like one on which nothing is told.</summary>
    protected abstract Task ListenAsync(NpgsqlConnection connection, CancellationToken stopping);

    /// <summary>Runs a statement on the connection.</summary>
    protected static async Task SayAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 10 };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    [LoggerMessage(Message = "Nothing is heard from the database until it is back: {Reason}")]
    private partial void LogLost(LogLevel level, string reason);
}
