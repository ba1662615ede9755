using System.Buffers;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests.Devices;

/// <summary>
/// The firmware that is in the field, as a script: one buffer of 1,024 bytes for a whole answer, fields found by searching for
/// <c>"key":</c>, no chunked encoding; MQTT 3.1.1 over WebSocket, QoS 0, its device id as client id.
/// </summary>
/// <param name="hardwareId">Burnt in; null for the older kind, which knows its device id only.</param>
/// <param name="deviceId">The device id, where it is burnt in.</param>
/// <param name="key">Its own key.</param>
internal sealed class Firmware(string? hardwareId, Guid? deviceId, string key) : IAsyncDisposable
{
    private const int Buffer = 1024;

    private DateTime _signedAt;
    private IMqttClient? _mqtt;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public Guid DeviceId { get; private set; } = deviceId ?? Guid.Empty;

    public Credentials? Given { get; private set; }

    public bool IsConnected => _mqtt?.IsConnected ?? false;

    /// <summary>Its configuration as a person would find it: by what it is called at the broker.</summary>
    public static Firmware ByHardwareId(Manufactured device) => new(device.HardwareId, null, device.HardwareKey);

    public static Firmware ByDeviceId(Manufactured device) => new(null, device.Id, device.DeviceKey);

    /// <returns>HTTP status, and what it is told of itself.</returns>
    public async Task<(int Status, string Said)> BootstrapAsync()
    {
        var answer = await CallAsync("/api/v1/devices/bootstrap");
        if (answer.Status != 200)
        {
            return (answer.Status, answer.Text);
        }

        Assert.Equal("60", Field(answer.Text, "poll_interval", 8));
        DeviceId = Guid.TryParse(Field(answer.Text, "device_id", 63), out var id) ? id : Guid.Empty;
        Field(answer.Text, "hardware_id", 15);
        return (200, Field(answer.Text, "status", 31));
    }

    public async Task<int> FetchSecretAsync()
    {
        var answer = await CallAsync("/api/v1/devices/secret");
        if (answer.Status == 200)
        {
            Field(answer.Text, "expires_at", 31);
            Given = new Credentials(
                Field(answer.Text, "device_secret", 95),
                Field(answer.Text, "mqtt_username", 79),
                Field(answer.Text, "broker", 159),
                Field(answer.Text, "topic_prefix", 191));
        }

        return answer.Status;
    }

    public async Task<MqttClientConnectResultCode> ConnectAsync()
    {
        _mqtt?.Dispose();
        _mqtt = new MqttClientFactory().CreateMqttClient();
        var answer = await _mqtt.ConnectAsync(
            new MqttClientOptionsBuilder()
                .WithWebSocketServer(server => server.WithUri(Given!.Broker))
                .WithProtocolVersion(MqttProtocolVersion.V311)
                .WithClientId(DeviceId.ToString())
                .WithCredentials(Given!.Username, Given.Secret)
                .WithTimeout(TimeSpan.FromSeconds(10))
                .Build(),
            Cancellation);
        return answer.ResultCode;
    }

    public Task PublishAsync(int slot, string payload) => _mqtt!.PublishAsync(
        new MqttApplicationMessageBuilder()
            .WithTopic($"{Given!.TopicPrefix}/slot/{slot.ToString(CultureInfo.InvariantCulture)}")
            .WithPayload(payload)
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtMostOnce)
            .Build(),
        Cancellation);

    public ValueTask DisposeAsync()
    {
        _mqtt?.Dispose();
        return ValueTask.CompletedTask;
    }

    // A signature passes once, so no two calls may be of the same second: who calls faster signs a little ahead of time.
    private string SignedBody()
    {
        var (identity, now, next) = (hardwareId ?? DeviceId.ToString(), DateTime.UtcNow, _signedAt.AddSeconds(1));
        _signedAt = now > next ? now : next;
        var timestamp = _signedAt.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var signature = Factory.Hex(HMACSHA256.HashData(Encoding.ASCII.GetBytes(key), Encoding.ASCII.GetBytes($"{identity}:{timestamp}")));
        return $$"""{"{{(hardwareId is null ? "device_id" : "hardware_id")}}":"{{identity}}","timestamp":"{{timestamp}}","signature":"{{signature}}"}""";
    }

    private async Task<(int Status, string Text)> CallAsync(string path)
    {
        var body = SignedBody();
        using var socket = new TcpClient();
        await socket.ConnectAsync(Fleet.Gateway.Host, Fleet.Gateway.Port, Cancellation);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes(
                $"POST {path} HTTP/1.1\r\nHost: {Fleet.Gateway.Authority}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}"),
            Cancellation);
        var buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, Cancellation);
            var text = Encoding.ASCII.GetString(buffer, 0, length);
            Assert.NotEqual("", text);
            var status = int.Parse(text.AsSpan("HTTP/1.1 ".Length, 3), CultureInfo.InvariantCulture);
            if (status == 200)
            {
                Assert.True(length < Buffer, $"{length} bytes do not fit: {text}");
                Assert.Contains("\r\nContent-Length: ", text, StringComparison.OrdinalIgnoreCase);
                Assert.DoesNotContain("chunked", text, StringComparison.OrdinalIgnoreCase);
            }

            return (status, text[(text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // As the firmware does it: the key's text, and what is up to the next quote, comma or brace.
    private static string Field(string json, string key, int room)
    {
        var at = json.IndexOf($"\"{key}\":", StringComparison.Ordinal);
        Assert.True(at >= 0, $"no {key} in {json}");
        var rest = json[(at + key.Length + 3)..];
        var value = rest.StartsWith('"') ? rest[1..rest.IndexOf('"', 1)] : rest[..rest.IndexOfAny([',', '}'])];
        Assert.DoesNotContain('\\', value);
        Assert.True(value.Length <= room, $"{key} has {value.Length} characters and room for {room}");
        return value;
    }

    internal sealed record Credentials(string Secret, string Username, string Broker, string TopicPrefix);
}
