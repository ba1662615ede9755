using System.Collections.Immutable;
using System.Text.Json;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>Who follows which tenant here: hands on what ingestion announces to those whom it concerns.</summary>
internal sealed partial class StreamHub
{
    /// <summary>Here this service names the tenants that it follows.</summary>
    private const string Watching = "readers";

    private readonly NpgsqlDataSource _database;
    private readonly StoredReadings _stored;
    private readonly StreamMetrics _metrics;
    private readonly TimeProvider _clock;
    private readonly ILogger<StreamHub> _logger;
    private ImmutableDictionary<Guid, ImmutableHashSet<Follower>> _followers = ImmutableDictionary<Guid, ImmutableHashSet<Follower>>.Empty;
    private bool _joined;
    private long _heardUntil = DateTimeOffset.UnixEpoch.UtcTicks;
    private volatile bool _stopping;

    public StreamHub(
        NpgsqlDataSource database, StoredReadings stored, StreamMetrics metrics, TimeProvider clock, IHostApplicationLifetime service, ILogger<StreamHub> logger)
    {
        (_database, _stored, _metrics, _clock, _logger) = (database, stored, metrics, clock, logger);
        service.ApplicationStopping.Register(EndAll);
    }

    /// <summary>Every announcement committed until then has been handed on, and every disturbance told.</summary>
    public DateTimeOffset HeardUntil
    {
        get => new(Volatile.Read(ref _heardUntil), TimeSpan.Zero);
        set => Volatile.Write(ref _heardUntil, value.UtcTicks);
    }

    public Follower Open(Guid tenant, Followed followed, DateTimeOffset? resumeAt, Action abort) =>
        new(tenant, followed, resumeAt, abort, this, _stored, _metrics, _clock, _logger);

    /// <summary>Announcements come to it from here on.</summary>
    public async Task AddAsync(Follower follower, CancellationToken cancellation)
    {
        var before = _followers;
        ImmutableInterlocked.AddOrUpdate(ref _followers, follower.Tenant, [follower], (_, others) => others.Add(follower));
        if (_stopping)
        {
            follower.End(StreamEnd.Stopping);
        }

        if (!before.ContainsKey(follower.Tenant))
        {
            var tell = new NpgsqlBatchCommand($"SELECT pg_notify('{Watching}', '{follower.Tenant}')");
            await using var told = await _database.QueryTenantAsync(follower.Tenant, tell, cancellation);
        }
    }

    public void Remove(Follower follower) => ImmutableInterlocked.Update(
        ref _followers,
        static (all, gone) => !all.TryGetValue(gone.Tenant, out var some) ? all
            : some.Remove(gone) is { Count: > 0 } others ? all.SetItem(gone.Tenant, others) : all.Remove(gone.Tenant),
        follower);

    /// <summary>Says of all tenants that they are followed.</summary>
    public async Task TellAllAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var tell = new NpgsqlCommand($"SELECT pg_notify('{Watching}', tenant::text) FROM unnest($1) AS tenant", connection)
        {
            Parameters = { new() { Value = _followers.Keys.ToArray() } },
            CommandTimeout = 5,
        };
        await tell.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Ends the streams that nobody takes anything from.</summary>
    public void EndStuck()
    {
        var now = _clock.GetUtcNow();
        foreach (var follower in _followers.Values.SelectMany(some => some))
        {
            follower.EndIfStuck(now);
        }
    }

    /// <summary>Whether an ingestion has begun to listen since this was asked last: it knows of none of our tenants.</summary>
    public bool HasJoined() => Interlocked.Exchange(ref _joined, false);

    /// <summary>Takes in an announcement. Returns at once, and throws nothing.</summary>
    public void Hear(string announcement)
    {
        try
        {
            using var document = JsonDocument.Parse(announcement, Announcement.Deep);
            var root = document.RootElement;
            if (Announcement.IsJoining(root, out var since))
            {
                Disturb(since);
                Volatile.Write(ref _joined, true);
            }
            else if (Announcement.TenantOf(root) is var tenant && _followers.TryGetValue(tenant, out var followers))
            {
                foreach (var reading in Announcement.ReadingsOf(root, reading => _stored.ValueAsync(tenant, reading)))
                {
                    foreach (var follower in followers.Where(follower => follower.Wants(reading)))
                    {
                        follower.Tell(reading);
                    }
                }
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException or KeyNotFoundException or ArgumentException)
        {
            LogUnreadable(exception.Message);
        }
    }

    /// <summary>Tells all streams that they may have missed what arrived since then; since their position when that is not known.</summary>
    public void Disturb(DateTimeOffset? since)
    {
        foreach (var follower in _followers.Values.SelectMany(some => some))
        {
            follower.Tell(new Disturbance(since));
        }
    }

    private void EndAll()
    {
        _stopping = true;
        foreach (var follower in _followers.Values.SelectMany(some => some))
        {
            follower.End(StreamEnd.Stopping);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "An announcement cannot be read: {Reason}")]
    private partial void LogUnreadable(string reason);
}
