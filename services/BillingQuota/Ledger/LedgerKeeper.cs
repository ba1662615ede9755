using EasySmart.BillingQuota.Snapshots;
using EasySmart.ServiceDefaults.Postgres;

namespace EasySmart.BillingQuota.Ledger;

/// <summary>
/// Keeps the ledger, every minute: counts device-hours, posts, closes days and months, in this order. Each step is done as far as it is due
/// and picks up where the last left off, however that ended; one that fails keeps the others from nothing.
/// </summary>
internal sealed partial class LedgerKeeper(
    DeviceHours hours, Poster poster, Closer closer, MonthEnd months, TimeProvider clock, ILogger<LedgerKeeper> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            await TryAsync("device-hours are counted", hours.CountAsync, stoppingToken);
            await TryAsync("usage is posted", poster.PostAsync, stoppingToken);
            await TryAsync("days are closed", closer.CloseAsync, stoppingToken);
            await TryAsync("months are closed", months.CloseAsync, stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
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
}
