using System.Globalization;
using System.Text;
using EasySmart.Hosting;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>
/// A device that publishes 0, 1, 2, … at QoS 1 for as long as it is let, and knows which of them the broker acknowledged. When it loses its
/// connection it comes back and goes on with the next number: nothing is sent twice, so whatever is stored twice was doubled behind the broker.
/// </summary>
internal sealed class NumberedDevice : IAsyncDisposable
{
    private const int Window = 20;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(10);
    private readonly Lock _lock = new();
    private readonly HashSet<int> _acknowledged = [];
    private readonly CancellationTokenSource _enough = new();
    private readonly MqttClientOptions _options;
    private readonly string _padding;
    private readonly Task _running;
    private readonly long _start = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
    private volatile bool _abandoned;
    private int _next;

    public NumberedDevice(Device device, MqttProtocolVersion version, bool withTime, string? port = null, int padding = 0)
    {
        (Device, WithTime, _padding) = (device, withTime, new string('.', padding));
        _options = new MqttClientOptionsBuilder()
            .WithTcpServer(Fleet.MqttHost, int.Parse(port ?? Fleet.MqttPort, CultureInfo.InvariantCulture))
            .WithProtocolVersion(version)
            .WithClientId(device.Id.ToString())
            .WithCredentials(device.Id.ToString(), device.Secret)
            .WithTimeout(TimeSpan.FromSeconds(20))
            .Build();
        _running = Task.Run(RunAsync);
    }

    public Device Device { get; }

    /// <summary>Whether its readings name their time.</summary>
    public bool WithTime { get; }

    public int Published => Volatile.Read(ref _next);

    /// <summary>How often it has had to come back.</summary>
    public int Reconnects { get; private set; }

    public int Acknowledged
    {
        get
        {
            lock (_lock)
            {
                return _acknowledged.Count;
            }
        }
    }

    public bool IsAcknowledged(int number)
    {
        lock (_lock)
        {
            return _acknowledged.Contains(number);
        }
    }

    /// <summary>Waits until so many are acknowledged.</summary>
    public Task AcknowledgedAsync(int count) => Eventually.TrueAsync(() => Task.FromResult(Acknowledged >= count), seconds: 120);

    /// <summary>Ends with a reading that is acknowledged, and so the last of this device at the broker.</summary>
    public async Task EndAsync()
    {
        await _enough.CancelAsync();
        await _running.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _abandoned = true;
        await _enough.CancelAsync();
        await _running;
        _enough.Dispose();
    }

    private async Task RunAsync()
    {
        using var client = new MqttClientFactory().CreateMqttClient();
        using var pace = new PeriodicTimer(Pace);
        var window = new SemaphoreSlim(Window);
        while (!_enough.IsCancellationRequested)
        {
            await pace.WaitForNextTickAsync();
            if (client.IsConnected || await ConnectAsync(client))
            {
                await window.WaitAsync();
                _ = PublishAsync(client).ContinueWith(_ => window.Release(), TaskScheduler.Default);
            }
        }

        for (var left = Window; left > 0; left--)
        {
            await window.WaitAsync();
        }

        while (!_abandoned && (!(client.IsConnected || await ConnectAsync(client)) || !await PublishAsync(client)))
        {
            await pace.WaitForNextTickAsync();
        }

        if (client.IsConnected)
        {
            await client.DisconnectAsync();
        }
    }

    private async Task<bool> ConnectAsync(IMqttClient client)
    {
        try
        {
            await client.ConnectAsync(_options);
            Reconnects += Published > 0 ? 1 : 0;
            return client.IsConnected;
        }
        catch (Exception)
        {
            return false;
        }
    }

    private async Task<bool> PublishAsync(IMqttClient client)
    {
        var number = Interlocked.Increment(ref _next) - 1;
        var rest = (WithTime ? $", \"ts\": {_start + number}" : "") + (_padding.Length > 0 ? $", \"padding\": \"{_padding}\"" : "");
        try
        {
            var answer = await client.PublishAsync(new MqttApplicationMessage
            {
                Topic = Device.Slot(0),
                PayloadSegment = Encoding.UTF8.GetBytes($$"""{"value": {{number}}{{rest}}}"""),
                QualityOfServiceLevel = MqttQualityOfServiceLevel.AtLeastOnce,
            });
            if (answer.ReasonCode != MqttClientPublishReasonCode.Success)
            {
                return false;
            }
        }
        catch (Exception)
        {
            // Whether it got through before the connection ended, nobody knows.
            return false;
        }

        lock (_lock)
        {
            return _acknowledged.Add(number);
        }
    }
}
