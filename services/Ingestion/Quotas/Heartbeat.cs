using EasySmart.Ingestion.Batches;
using EasySmart.Ingestion.Mqtt;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace EasySmart.Ingestion.Quotas;

/// <summary>Writes down every few seconds that this instance takes messages and can commit them: after a stop or an outage the gap tells how long it was.</summary>
internal sealed partial class Heartbeat(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, BatchWriter writer, Outages outages, IOptions<MqttOptions> options,
    TimeProvider clock, ILogger<Heartbeat> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    /// <summary>A start: for how long the instance was away.</summary>
    public static async Task ResumeAsync(NpgsqlConnection connection, string clientId, Outages outages, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT greatest(now() - at, interval '0') FROM heartbeats WHERE client_id = $1", connection);
        command.Parameters.Add(new() { Value = clientId });
        if (await command.ExecuteScalarAsync(cancellation) is TimeSpan away)
        {
            outages.Started(away);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (outages.Away > Period || writer.IsWaiting)
            {
                continue;
            }

            try
            {
                await using var beat = database.CreateCommand(
                    "INSERT INTO heartbeats (client_id, at) VALUES ($1, now()) ON CONFLICT (client_id) DO UPDATE SET at = excluded.at");
                beat.Parameters.Add(new() { Value = options.Value.ClientId });
                await beat.ExecuteNonQueryAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogMissed(Transient.Is(exception) ? LogLevel.Debug : LogLevel.Error, exception.Message);
            }
        }
    }

    [LoggerMessage(Message = "A heartbeat is missed: {Reason}")]
    private partial void LogMissed(LogLevel level, string reason);
}
