using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.TelemetryQuery.Streams;

/// <summary>
/// Hears what ingestion announces, on a connection of its own, and says every few seconds which tenants are followed here: ingestion
/// announces nothing else. What is announced while the connection is away is lost, so that the streams look for themselves afterwards.
/// </summary>
internal sealed class AnnouncementListener(NpgsqlDataSource database, StreamHub hub, TimeProvider clock, ILogger<AnnouncementListener> logger)
    : ListeningService(database, ["readings"], logger)
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    protected override void Hear(string channel, string payload) => hub.Hear(payload);

    protected override async Task ListenAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        hub.Disturb(since: null);
        while (true)
        {
            var asked = clock.GetUtcNow();
            await hub.TellAllAsync(connection, stopping);
            // An answer came, so the connection lives, and what was announced before came first.
            hub.HeardUntil = asked;
            hub.EndStuck();
            // Less than a millisecond would be taken for no limit at all.
            while (!hub.HasJoined() && asked + Period - clock.GetUtcNow() is var left && left.TotalMilliseconds >= 1)
            {
                await connection.WaitAsync(left, stopping);
            }
        }
    }
}
