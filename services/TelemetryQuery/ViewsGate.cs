using EasySmart.ServiceDefaults.Postgres;
using Npgsql;
using Polly;
using Polly.Retry;

namespace EasySmart.TelemetryQuery;

/// <summary>
/// Waits at start for the views that this service reads. They come with ingestion's migrations, which start in their own time; asking for
/// the very columns says most honestly whether this build can work.
/// </summary>
internal sealed partial class ViewsGate(NpgsqlDataSource database, ILogger<ViewsGate> logger) : IHostedLifecycleService
{
    private const string Needed =
        """
        SELECT device_id, device_label, status FROM tenant.devices LIMIT 0;
        SELECT device_id, slot, value, time FROM tenant.latest LIMIT 0;
        SELECT device_id, slot, time, received_at, form, value, payload, sent FROM tenant.readings LIMIT 0;
        SELECT device_id, slot, quarter, count, sum, min, max, first, last FROM tenant.rollups LIMIT 0;
        SELECT device_id, slot, quarter FROM tenant.rollups_due LIMIT 0;
        SELECT rolled_until FROM tenant.rollup_progress LIMIT 0;
        SELECT tenant.count_export() LIMIT 0
        """;

    public async Task StartingAsync(CancellationToken cancellationToken) => await new ResiliencePipelineBuilder()
        .AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            Delay = TimeSpan.FromMilliseconds(250),
            MaxDelay = TimeSpan.FromSeconds(5),
            ShouldHandle = new PredicateBuilder().Handle<PostgresException>(IsMissing).Handle<Exception>(Transient.Is),
            OnRetry = attempt =>
            {
                LogWaiting(attempt.Outcome.Exception!.Message);
                return ValueTask.CompletedTask;
            },
        })
        .Build().ExecuteAsync(AskAsync, cancellationToken);

    private async ValueTask AskAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(Needed);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static bool IsMissing(PostgresException exception) => exception.SqlState
        is PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.UndefinedTable
        or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.InsufficientPrivilege;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Information, Message = "Waiting for the views of schema tenant, which ingestion's `migrate` makes: {Reason}")]
    private partial void LogWaiting(string reason);
}
