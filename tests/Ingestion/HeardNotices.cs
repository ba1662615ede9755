using System.Collections.Concurrent;
using System.Text.Json;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>What ingestion announces, heard as telemetry-query hears it: by its role, on a connection of its own.</summary>
internal sealed class HeardNotices : IAsyncDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly NpgsqlDataSource _reader;
    private Task _listening = Task.CompletedTask;

    private HeardNotices(TestDatabase database) => _reader = NpgsqlDataSource.Create(database.For("telemetry_query"));

    /// <summary>All of them, in order.</summary>
    public ConcurrentQueue<string> All { get; } = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<HeardNotices> ListenAsync(TestDatabase database)
    {
        var heard = new HeardNotices(database);
        var connection = await heard._reader.OpenConnectionAsync(Cancellation);
        connection.Notification += (_, notice) => heard.All.Enqueue(notice.Payload);
        await using var listen = new NpgsqlCommand("LISTEN readings", connection);
        await listen.ExecuteNonQueryAsync(Cancellation);
        heard._listening = heard.WaitAsync(connection);
        return heard;
    }

    /// <summary>Those of one tenant.</summary>
    public IEnumerable<string> Of(Guid tenant) => All.Where(notice => notice.StartsWith($"{{\"tenant\":\"{tenant}\"", StringComparison.Ordinal));

    /// <summary>The readings in them.</summary>
    public List<JsonElement> ReadingsOf(Guid tenant) =>
        [.. Of(tenant).SelectMany(notice => JsonDocument.Parse(notice, new() { MaxDepth = 300 }).RootElement.GetProperty("readings").EnumerateArray())];

    /// <summary>Says that the tenant is followed.</summary>
    public async Task WatchAsync(Guid tenant)
    {
        await using var watch = _reader.CreateCommand($"SELECT pg_notify('readers', '{tenant}')");
        await watch.ExecuteNonQueryAsync(Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _listening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _reader.DisposeAsync();
        _end.Dispose();
    }

    private async Task WaitAsync(NpgsqlConnection connection)
    {
        await using (connection)
        {
            while (true)
            {
                await connection.WaitAsync(_end.Token);
            }
        }
    }
}
