using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using MQTTnet.AspNetCore;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Packets;

namespace EasySmart.Broker;

/// <summary>
/// MQTTnet's packets on a Kestrel connection. Not MQTTnet's own MqttConnectionContext: that one spins for ever when a
/// client dies in the middle of a packet, and flushes each packet by itself.
/// </summary>
internal sealed class PacketChannel(ConnectionContext connection, int maximumPacketSize)
{
    private readonly MqttPacketFormatterAdapter _formatter = new(new MqttBufferWriter(512, 65_535));

    public PipeReader Input { get; } = connection.Transport.Input;

    public PipeWriter Output { get; } = connection.Transport.Output;

    /// <summary>Known from CONNECT on.</summary>
    public MqttProtocolVersion Version => _formatter.ProtocolVersion;

    /// <summary>One reader.</summary>
    public bool TryDecode(ref ReadOnlySequence<byte> buffer, [NotNullWhen(true)] out MqttPacket? packet)
    {
        if (buffer.IsEmpty)
        {
            packet = null;
            return false;
        }

        var found = _formatter.TryDecode(buffer, out packet, out var consumed, out _, out var length);
        if ((found ? length : buffer.Length) > maximumPacketSize)
        {
            throw new PacketTooLargeException();
        }

        if (found)
        {
            buffer = buffer.Slice(consumed);
        }

        return found;
    }

    /// <summary>One writer, which flushes.</summary>
    /// <returns>False when the packet is larger than <paramref name="most"/> bytes, which the peer has forbidden.</returns>
    public bool Write(MqttPacket packet, long most)
    {
        var encoded = _formatter.Encode(packet);
        try
        {
            if (encoded.Length > most)
            {
                return false;
            }

            var span = Output.GetSpan(encoded.Length);
            encoded.Packet.AsSpan().CopyTo(span);
            encoded.Payload.CopyTo(span[encoded.Packet.Count..]);
            Output.Advance(encoded.Length);
            return true;
        }
        finally
        {
            _formatter.Cleanup();
        }
    }
}

internal sealed class PacketTooLargeException() : MqttProtocolViolationException("The packet is larger than the broker takes.");
