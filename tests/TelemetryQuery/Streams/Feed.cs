using System.Text.Json;
using Npgsql;

namespace EasySmart.TelemetryQuery.Tests.Streams;

/// <summary>Stores readings of a plant and announces them, as ingestion does.</summary>
internal sealed class Feed(QueryHost host, Guid tenant)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static long Micros(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>A reading of now, with <c>{"value": number}</c>.</summary>
    public Task TellAsync(Guid device, double number, DateTimeOffset? time = null) => StoreAsync(device, number, time, announced: true);

    /// <summary>One that nobody is told of.</summary>
    public Task StoreSilentlyAsync(Guid device, double number, DateTimeOffset? received = null) => StoreAsync(device, number, received, announced: false, received);

    public Task StoreAsync(Guid device, double number, DateTimeOffset? time, bool announced, DateTimeOffset? received = null, bool valueFits = true)
    {
        var (at, arrived) = (time ?? DateTimeOffset.UtcNow, received ?? DateTimeOffset.UtcNow);
        var value = valueFits ? $$$""","value":{"value":{{{number}}}}""" : "";
        var reading = $$"""{"device":"{{device}}","slot":0,"time":{{Micros(at)}},"received":{{Micros(arrived)}}{{value}}}""";
        return CommandAsync(
            """
            WITH reading AS (
                INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, bytes) VALUES ($1, $2, 0, $3, $4, 1, $5, 1)),
            newest AS (
                INSERT INTO latest AS l (tenant_id, device_id, slot, time, received_at, form, value) VALUES ($1, $2, 0, $3, $4, 1, $5)
                ON CONFLICT (tenant_id, device_id, slot) DO UPDATE SET time = excluded.time, received_at = excluded.received_at, value = excluded.value
                WHERE l.time < excluded.time)
            SELECT pg_notify('readings', $6) WHERE $7
            """,
            tenant, device, at, arrived, number, Notice(reading), announced);
    }

    /// <summary>So many readings of the last seconds, with the numbers from 1.</summary>
    public async Task StoreManyAsync(Guid device, int count, DateTimeOffset from, TimeSpan apart) => await CommandAsync(
        """
        WITH many AS (
            INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, bytes)
            SELECT $1, $2, 0, $3 + n * $4, $3 + n * $4, 1, n, 1 FROM generate_series(1, $5) n)
        INSERT INTO latest (tenant_id, device_id, slot, time, received_at, form, value) VALUES ($1, $2, 0, $3 + $5 * $4, $3 + $5 * $4, 1, $5)
        """,
        tenant, device, from, apart, count);

    public Task AnnounceAsync(string notice) => CommandAsync("SELECT pg_notify('readings', $1)", notice);

    /// <summary>Announces so many readings, a microsecond apart from the first, each with this much text.</summary>
    public Task AnnounceManyAsync(Guid device, int first, int count, int characters)
    {
        var notice = Notice($$$"""{"device":"{{{device}}}","slot":0,"time":%s,"received":{{{Micros(DateTimeOffset.UtcNow)}}},"value":{"text":"{{{new string('x', characters)}}}"}}""");
        return CommandAsync("SELECT pg_notify('readings', format($1, n)) FROM generate_series($2, $3) n", notice, first, first + count - 1);
    }

    /// <summary>Which tenants the service says that it follows, from now on.</summary>
    public async Task<NpgsqlConnection> ListenAsync(Action<string> told)
    {
        var connection = await host.Ingestion.OpenConnectionAsync(Cancellation);
        connection.Notification += (_, notice) => told(notice.Payload);
        await using var listen = new NpgsqlCommand("LISTEN readers", connection);
        await listen.ExecuteNonQueryAsync(Cancellation);
        return connection;
    }

    private string Notice(string reading) => JsonSerializer.Serialize(new { tenant })[..^1] + $",\"readings\":[{reading}]}}";

    private async Task CommandAsync(string sql, params object[] parameters)
    {
        await using var command = host.Ingestion.CreateCommand(sql);
        foreach (var value in parameters)
        {
            command.Parameters.Add(new() { Value = value is DateTimeOffset time ? time.UtcDateTime : value });
        }

        await command.ExecuteNonQueryAsync(Cancellation);
    }
}
