using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>
/// Keeps <see cref="LoginMemory"/> like the database. One connection listens and does nothing else, so that a notice is heard while
/// something long is read: what it names is forgotten at once, and read again in batches. After each connect all is read, since nobody
/// tells what was missed.
/// </summary>
public sealed partial class LoginKeeper(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    LoginMemory memory,
    LoginBacklog backlog,
    TimeProvider clock,
    ILogger<LoginKeeper> logger) : BackgroundService
{
    /// <summary>The payload is a device's id, <see cref="Tenants"/>, or nothing for all devices.</summary>
    private const string Channel = "logins";

    private const string Tenants = "tenants";

    // A connection that is dead on the other side only looks silent: it is asked, so that this is noticed within seconds.
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);
    private const int HeartbeatTimeout = 3;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // A database that is away must not keep the service from starting: then it asks for each device until it is back.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Lets the service listen when memory is filled: after a restart the whole fleet is at the door.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await base.StartAsync(cancellationToken);
        try
        {
            await memory.Filled.WaitAsync(Patience, cancellationToken);
        }
        catch (TimeoutException)
        {
            LogStillEmpty();
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(AgainAndAgainAsync(ListenAsync, stoppingToken), AgainAndAgainAsync(ReadAsync, stoppingToken));

    private async Task AgainAndAgainAsync(Func<CancellationToken, Task> work, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await work(stopping);
            }
            catch (Exception exception) when (!stopping.IsCancellationRequested)
            {
                LogLost(exception.Message);
                await Task.Delay(Pause, stopping);
            }
        }
    }

    private async Task ListenAsync(CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        connection.Notification += (_, notice) => Hear(notice.Payload);
        await ExecuteAsync(connection, $"LISTEN {Channel}", stopping);
        backlog.AddAll();
        while (true)
        {
            var at = clock.GetTimestamp();
            if (!await connection.WaitAsync(Heartbeat, stopping))
            {
                at = clock.GetTimestamp();
                await ExecuteAsync(connection, "SELECT 1", stopping);
            }

            if (!backlog.IsWide)
            {
                memory.Heard(at);
            }
        }
    }

    private void Hear(string payload)
    {
        if (Guid.TryParse(payload, out var device))
        {
            memory.Forget(device);
        }
        else if (payload == Tenants)
        {
            backlog.AddTenants();
        }
        else
        {
            backlog.AddAll();
        }
    }

    private async Task ReadAsync(CancellationToken stopping)
    {
        while (true)
        {
            var portion = await backlog.TakeAsync(stopping);
            try
            {
                await using var connection = await database.OpenConnectionAsync(stopping);
                await KnownLogins.ReadAsync(portion, memory, clock.GetTimestamp(), connection, stopping);
            }
            catch
            {
                backlog.PutBack(portion);
                throw;
            }

            backlog.Done();
            if (portion.All)
            {
                LogKnown(memory.Count);
            }
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken stopping)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = HeartbeatTimeout };
        await command.ExecuteNonQueryAsync(stopping);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Count} devices may log in")]
    private partial void LogKnown(int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The devices that may log in could not be read yet; the database is asked at each login")]
    private partial void LogStillEmpty();

    [LoggerMessage(Level = LogLevel.Warning, Message = "Changes of logins are not heard until the database is back: {Reason}")]
    private partial void LogLost(string reason);
}
