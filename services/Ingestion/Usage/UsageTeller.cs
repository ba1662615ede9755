using System.Text.Json;
using EasySmart.Contracts.Ingestion;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Ingestion.Usage;

/// <summary>
/// Tells every second what commits have used since, in one event: one for each commit would cost its subscribers more than the commit. What
/// is told is deleted in the transaction that puts the event into the outbox and moves the tenants' accounts, so that each commit is told once.
/// </summary>
internal sealed partial class UsageTeller(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock, ILogger<UsageTeller> logger) : BackgroundService
{
    private const int Most = 1000;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                while (await TellAsync(stoppingToken) == Most)
                {
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(Transient.Is(exception) ? LogLevel.Warning : LogLevel.Error, exception.Message);
            }
        }
    }

    /// <summary>Returns of how many commits it told.</summary>
    internal async Task<int> TellAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        // Instances do not wait for one another: each tells what the others are not at.
        await using var take = new NpgsqlCommand(
            $"DELETE FROM used WHERE id = ANY(ARRAY(SELECT id FROM used ORDER BY id LIMIT {Most} FOR UPDATE SKIP LOCKED)) RETURNING entries",
            connection,
            transaction);
        var (entries, commits) = (new List<UsageEntry>(), 0);
        await using (var reader = await take.ExecuteReaderAsync(cancellation))
        {
            for (; await reader.ReadAsync(cancellation); commits++)
            {
                entries.AddRange(JsonSerializer.Deserialize<UsageEntry[]>(reader.GetString(0))!);
            }
        }

        if (commits > 0)
        {
            var used = new UsageRecorded { OccurredAt = clock.GetUtcNow(), Entries = [.. entries.GroupBy(e => (e.TenantId, e.Minute)).Select(Sum)] };
            // Entries add up, so no order is kept among these events: each has a key of its own.
            await using var telling = new NpgsqlBatch(connection, transaction) { BatchCommands = { Outbox.Publishing([(used, $"usage:{used.EventId}")]) } };
            if (StoredAccounts.Adding(used.Entries) is { } accounts)
            {
                telling.BatchCommands.Add(accounts);
            }

            await telling.ExecuteNonQueryAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        return commits;
    }

    private static UsageEntry Sum(IGrouping<(Guid TenantId, DateTimeOffset Minute), UsageEntry> entries) => new(
        entries.Key.TenantId,
        entries.Key.Minute,
        entries.Sum(e => e.Messages),
        entries.Sum(e => e.Readings),
        entries.Sum(e => e.Bytes),
        entries.Sum(e => e.ReadingsDeleted),
        entries.Sum(e => e.BytesDeleted),
        entries.Sum(e => e.WebhookCalls),
        entries.Sum(e => e.Exports));

    [LoggerMessage(Message = "What was used is told later: {Reason}")]
    private partial void LogLater(LogLevel level, string reason);
}
