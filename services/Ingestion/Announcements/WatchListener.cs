using System.Globalization;
using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Ingestion.Announcements;

/// <summary>
/// Hears which tenants are watched, on a connection of its own. What was said while it did not listen is lost, and so are the readings that
/// nobody was told of: whenever it begins to listen it says so, and since when it may have been deaf, and whoever follows asks for those.
/// </summary>
internal sealed class WatchListener(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, WatchedTenants watched, TimeProvider clock, ILogger<WatchListener> logger)
    : ListeningService(database, [Channel], logger)
{
    /// <summary>Here telemetry-query names a tenant that it watches.</summary>
    internal const string Channel = "readers";

    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10);

    // Until then the connection was alive, and nothing missed.
    private DateTimeOffset _heardUntil = clock.GetUtcNow();

    protected override void Hear(string channel, string payload)
    {
        if (Guid.TryParse(payload, out var tenant))
        {
            watched.Watch(tenant);
        }
    }

    protected override async Task ListenAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        var joined = string.Create(CultureInfo.InvariantCulture, $$"""{"joined":true,"since":{{ReadingTime.Micros(_heardUntil)}}}""");
        await SayAsync(connection, $"SELECT pg_notify('{Announcement.Channel}', '{joined}')", stopping);
        while (true)
        {
            var asked = clock.GetUtcNow();
            await SayAsync(connection, "SELECT 1", stopping);
            _heardUntil = asked;
            watched.Forget();
            await connection.WaitAsync(Silence, stopping);
        }
    }
}
