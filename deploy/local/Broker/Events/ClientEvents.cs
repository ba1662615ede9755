using System.Text.Json;
using System.Threading.Channels;

namespace EasySmart.Broker;

/// <summary>
/// Dates what happens to clients, and keeps it until Broker:EventsUrl is told. Nobody waits here: when it is full the
/// oldest goes, for a newer event of a client says more than an older one, and who listens compares with the API anyway.
/// </summary>
internal sealed partial class ClientEvents(
    ClientClock clock, BrokerOptions options, TimeProvider time, BrokerMetrics metrics, ILogger<ClientEvents> logger)
{
    // An event's own objects, beside its text.
    private const int Overhead = 100;

    private readonly Channel<OwedEvent> _owed = Channel.CreateUnbounded<OwedEvent>();
    private readonly LogPace _pace = new(time);
    private long _bytes;
    private int _count;

    public bool AreOff { get; } = options.EventsUrl.Length == 0;

    /// <summary>Those that wait and those that are on their way.</summary>
    public int Count => Volatile.Read(ref _count);

    public void Connected(Client client)
    {
        client.ConnectedAt = clock.Next(client.Id);
        if (!AreOff)
        {
            Add(ClientEvent.Connected(client));
        }
    }

    /// <summary>Once for each connection: it may be taken over while it ends.</summary>
    public void Disconnected(Connection? connection, string reason)
    {
        if (connection is not { Client: { DisconnectedAt: 0 } client })
        {
            return;
        }

        connection.EndAs(reason);
        client.DisconnectedAt = clock.Next(client.Id);
        if (!AreOff)
        {
            Add(ClientEvent.Disconnected(client, connection.EndReason!));
        }
    }

    public void Subscribed(Client client, string filter, int qos)
    {
        if (!AreOff)
        {
            Add(ClientEvent.Subscribed(client, filter, qos, clock.Next(client.Id)));
        }
    }

    public async ValueTask<OwedEvent> TakeAsync(CancellationToken cancellation) => Taken(await _owed.Reader.ReadAsync(cancellation));

    /// <summary>One that was taken is told, or never will be.</summary>
    public void Done() => Interlocked.Decrement(ref _count);

    private void Add(ClientEvent happened)
    {
        var owed = new OwedEvent(JsonSerializer.SerializeToUtf8Bytes(happened, ClientEventJson.Default.ClientEvent), time.GetTimestamp());
        Interlocked.Increment(ref _count);
        Interlocked.Add(ref _bytes, owed.Body.Length + Overhead);
        _owed.Writer.TryWrite(owed);
        while (Interlocked.Read(ref _bytes) > options.EventQueueSize && _owed.Reader.TryRead(out var oldest))
        {
            Taken(oldest);
            Done();
            metrics.EventsDropped("queue_full");
            if (_pace.IsTime())
            {
                LogFull(Count);
            }
        }
    }

    private OwedEvent Taken(OwedEvent oldest)
    {
        Interlocked.Add(ref _bytes, -(oldest.Body.Length + Overhead));
        return oldest;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} client events wait for their receiver: the oldest are dropped")]
    private partial void LogFull(int count);
}

/// <param name="Body">JSON.</param>
/// <param name="Since">A timestamp of the time provider.</param>
internal sealed record OwedEvent(byte[] Body, long Since);
