using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Identity.Auditing;

/// <summary>
/// Publishes the end of every chain, once a day: into a table that only grows, into the log, and by that to <c>GET /audit/heads</c>.
/// </summary>
/// <remarks>
/// A chain proves that its records fit together, not that they are the ones which were recorded: the owner of the database could write it
/// anew. A head that was seen outside fixes everything up to its position on its day. Whoever kept one (the log's store, a tenant who
/// read it) can show that nothing before it was changed, removed or put in later.
/// </remarks>
internal sealed partial class PublishHeads(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock, ILogger<PublishHeads> logger) : BackgroundService
{
    // Any constant: the advisory lock that lets one instance publish.
    private const long Lock = 0x48656164;

    private const string Insert =
        """
        INSERT INTO audit_published_heads (day, chain, position, hash, published_at)
        SELECT $1, chain, position, hash, $2 FROM audit_heads WHERE hash IS NOT NULL
        ON CONFLICT (day, chain) DO NOTHING
        RETURNING chain, position, hash
        """;

    /// <summary>Publishes today's heads that are not published yet; a chain that began today is published with the next round.</summary>
    public async Task PublishAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using (var tryLock = new NpgsqlCommand($"SELECT pg_try_advisory_xact_lock({Lock})", connection, transaction))
        {
            if (await tryLock.ExecuteScalarAsync(cancellation) is not true)
            {
                return;
            }
        }

        await using (var insert = new NpgsqlCommand(Insert, connection, transaction) { Parameters = { new() { Value = today }, new() { Value = now } } })
        await using (var reader = await insert.ExecuteReaderAsync(cancellation))
        {
            // Before the commit: a crash in between repeats lines, and never leaves one out.
            while (await reader.ReadAsync(cancellation))
            {
                var (chain, position, hash) = (new Chain(reader.GetGuid(0)), reader.GetInt64(1), Convert.ToHexStringLower(reader.GetFieldValue<byte[]>(2)));
                LogHead(today, chain, position, hash);
            }
        }

        await transaction.CommitAsync(cancellation);
    }

    /// <summary>Every hour, so that no day is missed by a service that was away at midnight.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromHours(1), clock);
        do
        {
            try
            {
                await PublishAsync(stoppingToken);
            }
            catch (Exception exception) when (Transient.Is(exception))
            {
                LogLater(exception.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Audit head of {Day:yyyy-MM-dd}: chain {Chain} ends at {Position} with {Hash}")]
    private partial void LogHead(DateOnly day, Chain chain, long position, string hash);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Audit heads are published an hour later: {Reason}")]
    private partial void LogLater(string reason);
}
