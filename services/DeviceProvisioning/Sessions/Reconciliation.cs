using EasySmart.DeviceProvisioning.Presence;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>
/// Compares the table with the broker's own list, at start and then every minute: events get lost, with a broker that crashes for one. One
/// instance at a time. A session is gone when it was missing twice: the list comes in pages, and who leaves meanwhile makes another slip
/// through between two of them.
/// </summary>
public sealed partial class Reconciliation(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    BrokerApi broker,
    SessionBook book,
    IOptions<BrokerApiOptions> options,
    TimeProvider clock,
    ILogger<Reconciliation> logger) : BackgroundService
{
    // Of pg_try_advisory_xact_lock; "sess" in ASCII.
    private const long LockId = 0x73657373;

    // Rows stay for a while after their session, so that an event that comes late does not bring it back.
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(10);

    private const string Known = "SELECT client_id, device_id, connected, connected OR held_until > $1, changed_at FROM mqtt_sessions";

    private const string Forget =
        """
        DELETE FROM mqtt_sessions WHERE client_id IN (
            SELECT client_id FROM mqtt_sessions WHERE NOT connected AND changed_at < $1 AND coalesce(held_until, changed_at) < $1
            ORDER BY client_id COLLATE "C" FOR UPDATE SKIP LOCKED)
        """;

    private HashSet<KnownSession> _missing = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.ReconcileEvery, clock);
        do
        {
            try
            {
                await RunAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(exception.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using (var take = Command(transaction, "SELECT pg_try_advisory_xact_lock($1)", LockId))
        {
            if (await take.ExecuteScalarAsync(cancellation) is not true)
            {
                return;
            }
        }

        // Before the list: what changes while it is read has changed since, and is left alone.
        var known = await KnownAsync(transaction, cancellation);
        var (missed, there) = await CompareAsync(known, cancellation);
        var owners = new UsernameOwners(database);
        foreach (var some in missed.Chunk(EventCollector.BatchSize))
        {
            await book.ApplyAsync(await owners.ResolveAsync(some, cancellation), cancellation);
        }

        var missing = known.Values.Where(session => session.Lives && !there.Contains(session.ClientId)).ToHashSet();
        var gone = missing.Where(_missing.Contains).ToList();
        _missing = missing;
        await transaction.EndSessionsAsync(gone.ConvertAll(session => (session.ClientId, session.ChangedAt)), cancellation);

        await using (var forget = Command(transaction, Forget, clock.GetUtcNow() - Remembered))
        {
            await forget.ExecuteNonQueryAsync(cancellation);
        }

        await transaction.CommitAsync(cancellation);
        if (missed.Count + gone.Count > 0)
        {
            LogHealed(missed.Count, gone.Count);
        }
    }

    private async Task<(List<BrokerClient> Missed, HashSet<string> There)> CompareAsync(
        Dictionary<string, KnownSession> known, CancellationToken cancellation)
    {
        var missed = new List<BrokerClient>();
        var there = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var listed in broker.ListAsync(cancellation))
        {
            if (!EventReader.IsClientId(listed.Clientid) || !there.Add(listed.Clientid!))
            {
                continue;
            }

            var device = listed.IdOf("device_id");
            if (!known.TryGetValue(listed.Clientid!, out var session)
                || session.Connected != listed.Connected || (device is not null && session.Device != device))
            {
                missed.Add(listed);
            }
        }

        return (missed, there);
    }

    private async Task<Dictionary<string, KnownSession>> KnownAsync(NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var command = Command(transaction, Known, clock.GetUtcNow());
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var known = new Dictionary<string, KnownSession>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellation))
        {
            var session = new KnownSession(
                reader.GetString(0),
                reader.GetGuid(1),
                reader.GetBoolean(2),
                !await reader.IsDBNullAsync(3, cancellation) && reader.GetBoolean(3),
                reader.GetFieldValue<DateTimeOffset>(4));
            known.Add(session.ClientId, session);
        }

        return known;
    }

    private static NpgsqlCommand Command(NpgsqlTransaction transaction, string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, transaction.Connection, transaction);
        command.Parameters.AddRange(values.Select(value => new NpgsqlParameter { Value = value }).ToArray());
        return command;
    }

    private sealed record KnownSession(string ClientId, Guid Device, bool Connected, bool Lives, DateTimeOffset ChangedAt);

    [LoggerMessage(Level = LogLevel.Information, Message = "The broker had {Missed} sessions otherwise than known, and {Gone} were gone")]
    private partial void LogHealed(int missed, int gone);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Sessions were not compared with the broker's list: {Reason}")]
    private partial void LogLater(string reason);
}
