using EasySmart.BillingQuota.Snapshots;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.BillingQuota.Ledger;

/// <summary>
/// Keeps the ledger, every minute: counts device-hours, posts, closes days and months, in this order. Each step is done as far as it is due
/// and picks up where the last left off, however that ended; one that fails keeps the others from nothing.
/// The first look is a minute after the start: by then the replica of the devices has usually caught up with what it missed.
/// </summary>
internal sealed partial class LedgerKeeper(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, DeviceHours hours, Poster poster, Closer closer, MonthEnd months,
    TimeProvider clock, ILogger<LedgerKeeper> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Does what is due, unless this instance's clock is not the database's: hours that have not been yet would be counted, days and months
    /// closed before their end, and all of that stays.
    /// </summary>
    internal async Task LookAsync(CancellationToken cancellation)
    {
        await using var ask = database.CreateCommand("SELECT clock_timestamp()");
        var theirs = (DateTime)(await ask.ExecuteScalarAsync(cancellation))!;
        var ahead = clock.GetUtcNow().UtcDateTime - theirs;
        if (ahead.Duration() > Tolerance)
        {
            LogClock(ahead);
            return;
        }

        await TryAsync("device-hours are counted", hours.CountAsync, cancellation);
        await TryAsync("usage is posted", poster.PostAsync, cancellation);
        await TryAsync("days are closed", closer.CloseAsync, cancellation);
        await TryAsync("months are closed", months.CloseAsync, cancellation);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await TryAsync("it is looked at", LookAsync, stoppingToken);
        }
    }

    private async Task TryAsync(string what, Func<CancellationToken, Task> step, CancellationToken stopping)
    {
        try
        {
            await step(stopping);
        }
        catch (Exception exception) when (!stopping.IsCancellationRequested)
        {
            LogLater(Transient.Is(exception) ? LogLevel.Warning : LogLevel.Error, what, exception.Message);
        }
    }

    [LoggerMessage(Message = "Ledger: {What} a minute later: {Reason}")]
    private partial void LogLater(LogLevel level, string what, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Ledger: nothing is done while this clock is {Ahead} ahead of the database's")]
    private partial void LogClock(TimeSpan ahead);
}
