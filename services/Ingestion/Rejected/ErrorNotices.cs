using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using EasySmart.Ingestion.Batches;
using EasySmart.Ingestion.Mqtt;
using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Ingestion.Rejected;

/// <summary>
/// Tells devices that their messages are refused, on <c>…/events/errors</c>: for each reason at most once a minute, whatever instance found
/// it. As well as it can: a notice is dropped when there are too many, or when the broker or the database is away. No commit waits for it.
/// </summary>
internal sealed partial class ErrorNotices(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TelemetrySession session, TimeProvider clock, ILogger<ErrorNotices> logger)
    : BackgroundService
{
    private const int MostDue = 1000;
    private const int MostRemembered = 20_000;
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(10);

    // When this instance last told, and what it has not told since. It spares the database the question; between instances that decides.
    private readonly Dictionary<(Guid Device, string Reason), (DateTimeOffset At, long Untold)> _told = [];
    private readonly Lock _lock = new();
    private readonly Channel<Notice> _due = Channel.CreateBounded<Notice>(
        new BoundedChannelOptions(MostDue) { SingleReader = true });

    private DateTimeOffset _forgetAt;

    /// <summary>What is told to a device.</summary>
    /// <param name="Reason">Why its messages are refused, for programs.</param>
    /// <param name="Message">Why, for people.</param>
    /// <param name="Count">How many messages since the last notice.</param>
    /// <param name="Topic">The topic of one of them.</param>
    /// <param name="At">Arrival of the last of them.</param>
    /// <param name="Details">As a 429 would tell it: the quota and its use; absent when it is none that refuses them.</param>
    /// <param name="ResetsAt">When the quota counts anew; absent when it does not by itself.</param>
    private sealed record Content(
        string Reason,
        string Message,
        long Count,
        string Topic,
        DateTimeOffset At,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] LimitDetails? Details,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTimeOffset? ResetsAt);

    private sealed record Notice(Refusal Refusal, long Count, DateTimeOffset At)
    {
        public string Topic => $"tenants/{Refusal.TenantId}/devices/{Refusal.DeviceId}/events/errors";

        public byte[] Payload => JsonSerializer.SerializeToUtf8Bytes(
            new Content(
                Refusal.Reason, RejectionReasons.Explain(Refusal.Reason), Count, Refusal.Topic, Refusal.LastAt, Refusal.Over?.Details, Refusal.Over?.ResetsAt),
            Json.Options);
    }

    /// <summary>Takes in what was just committed as refused. Returns at once.</summary>
    public void Tell(RejectionLog rejected)
    {
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            foreach (var refusal in rejected.OfKnownDevices)
            {
                var key = (refusal.DeviceId, refusal.Reason);
                if (!_told.ContainsKey(key) && !HasRoom(now))
                {
                    continue;
                }

                ref var told = ref CollectionsMarshal.GetValueRefOrAddDefault(_told, key, out _);
                told.Untold += refusal.Count;
                if (now - told.At >= Interval && _due.Writer.TryWrite(new Notice(refusal, told.Untold, now)))
                {
                    told = (now, 0);
                }
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await _due.Reader.WaitToReadAsync(stoppingToken))
        {
            var due = new Dictionary<(Guid, string), Notice>();
            while (due.Count < MostDue && _due.Reader.TryRead(out var notice))
            {
                due[(notice.Refusal.DeviceId, notice.Refusal.Reason)] = notice;
            }

            HashSet<(Guid, string)> ours = [];
            try
            {
                if (session.IsUp && (ours = await ClaimAsync(due.Values, stoppingToken)).Count > 0)
                {
                    await session.PublishAsync([.. ours.Select(key => (due[key].Topic, due[key].Payload))]);
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogUntold(due.Count, exception.Message);
            }

            CountAgain(due.Where(one => !ours.Contains(one.Key)));
        }
    }

    /// <summary>What was not told counts for the next notice.</summary>
    private void CountAgain(IEnumerable<KeyValuePair<(Guid Device, string Reason), Notice>> untold)
    {
        lock (_lock)
        {
            foreach (var (key, notice) in untold)
            {
                if (_told.TryGetValue(key, out var told))
                {
                    _told[key] = told with { Untold = told.Untold + notice.Count };
                }
            }
        }
    }

    /// <summary>Leaves those that no instance has told within the last minute.</summary>
    private async Task<HashSet<(Guid, string)>> ClaimAsync(IReadOnlyCollection<Notice> due, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            INSERT INTO error_notices AS known (device_id, reason, told_at)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) ORDER BY 1, 2
            ON CONFLICT (device_id, reason) DO UPDATE SET told_at = excluded.told_at
            WHERE known.told_at <= excluded.told_at - $4
            RETURNING device_id, reason
            """);
        command.Parameters.Add(new() { Value = due.Select(notice => notice.Refusal.DeviceId).ToArray() });
        command.Parameters.Add(new() { Value = due.Select(notice => notice.Refusal.Reason).ToArray() });
        command.Parameters.Add(new() { Value = due.Select(notice => notice.At.UtcDateTime).ToArray() });
        command.Parameters.Add(new() { Value = Interval });
        var ours = new HashSet<(Guid, string)>();
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            ours.Add((reader.GetGuid(0), reader.GetString(1)));
        }

        return ours;
    }

    private bool HasRoom(DateTimeOffset now)
    {
        if (now >= _forgetAt)
        {
            _forgetAt = now + Remembered;
            foreach (var (key, told) in _told)
            {
                if (now - told.At > Remembered)
                {
                    _told.Remove(key);
                }
            }
        }

        return _told.Count < MostRemembered;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} devices are not told that their messages are refused: {Reason}")]
    private partial void LogUntold(int count, string reason);
}
