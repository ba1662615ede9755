using System.Buffers.Binary;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace EasySmart.Ingestion.Mqtt;

/// <summary>
/// Tells a reading without <c>ts</c> that the broker delivers again, because the acknowledgement did not reach it, from one that it
/// delivers for the first time. A repeat comes marked DUP on a resumed session, and its packet identifier and content were recorded with
/// a commit. About as many messages marked DUP have never been stored, so the mark alone says nothing.
/// </summary>
internal sealed partial class RecentDeliveries(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, IOptions<MqttOptions> options, ILogger<RecentDeliveries> logger)
{
    private const int EntryBytes = sizeof(ushort) + sizeof(ulong);
    private const int Rows = 256;
    private const ulong FnvOffset = 14695981039346656037;
    private const ulong FnvPrime = 1099511628211;

    private readonly ulong[] _content = new ulong[ushort.MaxValue + 1];
    private bool _loaded;
    private long _received;
    private long _recorded;
    private long _commits;

    // What is older was acknowledged for certain, and its identifier may by now mean another message with the same content.
    private long Memory => 2L * options.Value.ReceiveMaximum;

    /// <summary>A connection begins: on a resumed session what an earlier process recorded counts, on a new one nothing does.</summary>
    public async Task ReconnectedAsync(bool sessionPresent, CancellationToken cancellation)
    {
        if (!sessionPresent)
        {
            await using var forget = database.CreateCommand("DELETE FROM deliveries WHERE session = $1");
            forget.Parameters.Add(new() { Value = options.Value.ClientId });
            await forget.ExecuteNonQueryAsync(cancellation);
            Array.Clear(_content);
        }
        else if (!_loaded)
        {
            await LoadAsync(cancellation);
        }

        _loaded = true;
    }

    /// <summary>Whether the message was stored by a commit whose acknowledgement the broker has not seen.</summary>
    /// <param name="message">The message, just received.</param>
    /// <param name="again">It is marked DUP, on a resumed session.</param>
    public bool IsRepeat(Message message, bool again)
    {
        Interlocked.Increment(ref _received);
        ref var content = ref _content[message.PacketId];
        if (!again)
        {
            // The identifier was free, so its last message was acknowledged.
            content = 0;
        }

        return again && content != 0 && content == ContentOf(message);
    }

    /// <summary>Records readings without <c>ts</c> with their commit; one row for each commit, the oldest is overwritten. Null when there are none.</summary>
    public NpgsqlBatchCommand? Recording(IReadOnlyList<Reading> stored)
    {
        var entries = new byte[stored.Count * EntryBytes];
        var length = 0;
        foreach (var reading in stored)
        {
            var message = reading.Message;
            if (message.PacketId != 0 && reading.TimeSource == TimeSource.Arrival)
            {
                var content = ContentOf(message);
                // Known here already: the commit is certain to come first, since the message is not acknowledged before it.
                _content[message.PacketId] = content;
                BinaryPrimitives.WriteUInt16BigEndian(entries.AsSpan(length), message.PacketId);
                BinaryPrimitives.WriteUInt64BigEndian(entries.AsSpan(length + sizeof(ushort)), content);
                length += EntryBytes;
            }
        }

        if (length == 0)
        {
            return null;
        }

        var command = new NpgsqlBatchCommand(
            """
            INSERT INTO deliveries (session, row, received, entries) VALUES ($1, $2, $3, $4)
            ON CONFLICT (session, row) DO UPDATE SET received = excluded.received, entries = excluded.entries
            """);
        command.Parameters.Add(new() { Value = options.Value.ClientId });
        command.Parameters.Add(new() { Value = (short)(_commits % Rows) });
        // Grows with each commit, also when none was received between two: it tells which row is the newest.
        command.Parameters.Add(new() { Value = Math.Max(Interlocked.Read(ref _received), _recorded + 1) });
        command.Parameters.Add(new() { Value = new ReadOnlyMemory<byte>(entries, 0, length) });
        return command;
    }

    /// <summary>
    /// A commit is about to be tried: whatever comes of it, its row is not written again soon. Not earlier, or the attempts of a long
    /// outage would go round the ring, and the next commit overwrite what is still needed.
    /// </summary>
    public void Committing()
    {
        _commits++;
        _recorded = Math.Max(Interlocked.Read(ref _received), _recorded + 1);
    }

    private async Task LoadAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            SELECT received, row, entries FROM deliveries
            WHERE session = $1 AND received > (SELECT max(received) - $2 FROM deliveries WHERE session = $1) ORDER BY received
            """);
        command.Parameters.Add(new() { Value = options.Value.ClientId });
        command.Parameters.Add(new() { Value = Memory });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var count = 0;
        while (await reader.ReadAsync(cancellation))
        {
            (_received, _recorded, _commits) = (reader.GetInt64(0), reader.GetInt64(0), reader.GetInt16(1) + 1);
            var entries = reader.GetFieldValue<byte[]>(2);
            for (var at = 0; at < entries.Length; at += EntryBytes, count++)
            {
                _content[BinaryPrimitives.ReadUInt16BigEndian(entries.AsSpan(at))] =
                    BinaryPrimitives.ReadUInt64BigEndian(entries.AsSpan(at + sizeof(ushort)));
            }
        }

        LogLoaded(count);
    }

    /// <summary>FNV-1a of topic and payload; never 0, which stands for nothing.</summary>
    private static ulong ContentOf(Message message)
    {
        var hash = FnvOffset;
        foreach (var c in message.Topic)
        {
            hash = (hash ^ c) * FnvPrime;
        }

        foreach (var b in message.Payload.Span)
        {
            hash = (hash ^ b) * FnvPrime;
        }

        return hash | 1;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The session is resumed; {Count} recent deliveries are remembered")]
    private partial void LogLoaded(int count);
}
