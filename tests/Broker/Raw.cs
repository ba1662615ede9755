using System.Text;

namespace EasySmart.Broker.Tests;

/// <summary>MQTT 3.1.1 by hand, for what a well-behaved client would not do or show.</summary>
internal static class Raw
{
    public static byte[] Connect(string id, string user, ushort keepAlive = 60)
    {
        List<byte> body =
            [.. Text("MQTT"), 4, 0b1100_0010, (byte)(keepAlive >> 8), (byte)keepAlive, .. Text(id), .. Text(user), .. Text("secret")];
        return [0x10, (byte)body.Count, .. body];
    }

    public static byte[] Publish(string topic, string payload, byte flags = 0, ushort? id = null)
    {
        List<byte> body = [.. Text(topic)];
        if (id is { } i)
        {
            body.AddRange([(byte)(i >> 8), (byte)i]);
        }

        body.AddRange(Encoding.UTF8.GetBytes(payload));
        return [(byte)(0x30 | flags), (byte)body.Count, .. body];
    }

    public static byte[] Connect5(string id, string user)
    {
        List<byte> body = [.. Text("MQTT"), 5, 0b1100_0010, 0, 60, 0, .. Text(id), .. Text(user), .. Text("secret")];
        return [0x10, (byte)body.Count, .. body];
    }

    public static byte[] Publish5(string topic, string payload, byte flags, ushort id)
    {
        List<byte> body = [.. Text(topic), (byte)(id >> 8), (byte)id, 0, .. Encoding.UTF8.GetBytes(payload)];
        return [(byte)(0x30 | flags), (byte)body.Count, .. body];
    }

    /// <summary>A short one: its length is one byte.</summary>
    public static async Task<byte[]> ReadPacketAsync(Stream stream)
    {
        var head = new byte[2];
        await stream.ReadExactlyAsync(head, TestContext.Current.CancellationToken);
        var body = new byte[head[1]];
        await stream.ReadExactlyAsync(body, TestContext.Current.CancellationToken);
        return [.. head, .. body];
    }

    /// <summary>Says all it has to say, goes, and waits for the broker to notice.</summary>
    public static async Task SayAndLeaveAsync(TestBroker broker, params byte[] bytes)
    {
        using var raw = await broker.RawAsync();
        var stream = raw.GetStream();
        await stream.WriteAsync(bytes, TestContext.Current.CancellationToken);
        raw.Client.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        await stream.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
    }

    public static async Task<byte> ConnectReturnCodeAsync(TestBroker broker)
    {
        using var raw = await broker.RawAsync();
        var stream = raw.GetStream();
        await stream.WriteAsync(Connect("raw", "d1"), TestContext.Current.CancellationToken);
        var answer = new byte[4];
        await stream.ReadExactlyAsync(answer, TestContext.Current.CancellationToken);
        Assert.Equal([0x20, 2, 0], answer[..3]);
        if (answer[3] != 0)
        {
            Assert.Equal(0, await stream.ReadAsync(new byte[1], TestContext.Current.CancellationToken));
        }

        return answer[3];
    }

    private static byte[] Text(string text) => [(byte)(text.Length >> 8), (byte)text.Length, .. Encoding.UTF8.GetBytes(text)];
}
