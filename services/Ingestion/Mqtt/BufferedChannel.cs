using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using MQTTnet.Channel;

namespace EasySmart.Ingestion.Mqtt;

/// <summary>
/// Stands between MQTTnet's packet reader and its socket. The reader asks for a packet in three or four small pieces, each of which would
/// be a system call; here one call fetches what has come, and not more often than <see cref="Breath"/>: a broker sends each message by
/// itself, and being woken for each costs more than storing it. Packets that are ready go out together, too.
/// </summary>
internal sealed class BufferedChannel(IMqttChannel socket) : IMqttChannel
{
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(4);

    private readonly byte[] _received = new byte[64 * 1024];
    private long _fetchedAt;
    private readonly SemaphoreSlim _writing = new(1);
    private int _start;
    private int _end;

    public X509Certificate2 ClientCertificate => socket.ClientCertificate;

    public EndPoint RemoteEndPoint => socket.RemoteEndPoint;

    public EndPoint LocalEndPoint => socket.LocalEndPoint;

    public bool IsSecureConnection => socket.IsSecureConnection;

    public Task ConnectAsync(CancellationToken cancellationToken) => socket.ConnectAsync(cancellationToken);

    public Task DisconnectAsync(CancellationToken cancellationToken) => socket.DisconnectAsync(cancellationToken);

    public Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        _start < _end ? Task.FromResult(Take(buffer, offset, count)) : FetchAsync(buffer, offset, count, cancellationToken);

    public Task WriteAsync(ReadOnlySequence<byte> buffer, bool isEndOfPacket, CancellationToken cancellationToken) =>
        SendAsync(buffer, cancellationToken);

    /// <summary>Sends whole packets, in one call to the system.</summary>
    public async Task SendAsync(ReadOnlySequence<byte> packets, CancellationToken cancellation)
    {
        await _writing.WaitAsync(cancellation);
        try
        {
            await socket.WriteAsync(packets, true, cancellation);
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Dispose() => socket.Dispose();

    private async Task<int> FetchAsync(byte[] buffer, int offset, int count, CancellationToken cancellation)
    {
        _start = 0;
        // A full buffer says that more is waiting.
        if (_end < _received.Length && Stopwatch.GetElapsedTime(_fetchedAt) < Breath)
        {
            await Task.Delay(Breath, cancellation);
        }

        _end = await socket.ReadAsync(_received, 0, _received.Length, cancellation);
        _fetchedAt = Stopwatch.GetTimestamp();
        return Take(buffer, offset, count);
    }

    private int Take(byte[] buffer, int offset, int count)
    {
        var taken = Math.Min(count, _end - _start);
        Buffer.BlockCopy(_received, _start, buffer, offset, taken);
        _start += taken;
        return taken;
    }
}
