using EasySmart.DeviceProvisioning.Mqtt;
using Microsoft.Extensions.Options;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Protocol;
using Polly;

namespace EasySmart.DeviceProvisioning.Messages;

/// <summary>
/// This service's own session at the broker: devices' status and answers come in, commands go out. It outlives its connection, and a message
/// is acknowledged only when it is committed, so what devices said while the service was away is not lost. The service works on without it.
/// </summary>
public sealed partial class BrokerSession(
    IOptions<MqttOptions> options, MessageIntake intake, TimeProvider clock, ILogger<BrokerSession> logger) : BackgroundService
{
    // Of the client's own there is none: a broker that lives and does not answer would be waited for without end.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // Who is put out again at once must not come back at once: two instances of one client id would do nothing else.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private static readonly MqttClientFactory s_factory = new();

    private volatile IMqttClient? _client;

    /// <summary>Connected and subscribed.</summary>
    public bool IsUp => _client is { IsConnected: true };

    /// <summary>Called whenever it has come up.</summary>
    public event Action? CameUp;

    /// <summary>Publishes at QoS 1.</summary>
    /// <returns>False when nobody is subscribed, so that the broker keeps it for nobody.</returns>
    /// <exception cref="MqttCommunicationException">The broker is away, or refuses it. Canceled where it does not answer.</exception>
    public async Task<bool> PublishAsync(string topic, byte[] payload, TimeSpan expiry, CancellationToken cancellation)
    {
        var client = _client ?? throw new MqttCommunicationException("The broker is away");
        using var time = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellation);
        var answer = await client.PublishAsync(
            new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(payload).WithContentType("application/json")
                .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
                .WithMessageExpiryInterval((uint)Math.Clamp(Math.Ceiling(expiry.TotalSeconds), 1, uint.MaxValue)).Build(),
            either.Token);
        return answer.ReasonCode switch
        {
            MqttClientPublishReasonCode.Success => true,
            MqttClientPublishReasonCode.NoMatchingSubscribers => false,
            var reason => throw new MqttCommunicationException($"The broker refuses the message: {reason}"),
        };
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var forever = new ResiliencePipelineBuilder { TimeProvider = clock }.AddRetry(new()
        {
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = TimeSpan.FromMilliseconds(200),
            MaxDelay = TimeSpan.FromSeconds(5),
            ShouldHandle = new PredicateBuilder().Handle<Exception>(_ => !stoppingToken.IsCancellationRequested),
            OnRetry = attempt =>
            {
                LogAway(attempt.Outcome.Exception!.Message);
                return ValueTask.CompletedTask;
            },
        }).Build();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                using var client = await forever.ExecuteAsync(async cancellation => await OpenAsync(stoppingToken, cancellation), stoppingToken);
                await StayAsync(client, stoppingToken);
                await Task.Delay(Pause, clock, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    // A client for each connection: an acknowledgement can only reach the one that the message came on.
    private async Task<IMqttClient> OpenAsync(CancellationToken stopping, CancellationToken cancellation)
    {
        var client = s_factory.CreateMqttClient();
        client.ApplicationMessageReceivedAsync += received => intake.TakeAsync(received, stopping);
        try
        {
            await BrokerLogin.LogInAsync(client, options.Value, cancellation);
            LogConnected();
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    private async Task StayAsync(IMqttClient client, CancellationToken stopping)
    {
        var ended = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        client.DisconnectedAsync += why =>
        {
            ended.TrySetResult(why.Exception?.Message ?? why.ReasonString ?? why.Reason.ToString());
            return Task.CompletedTask;
        };
        if (!client.IsConnected)
        {
            // Before there was anybody to tell.
            return;
        }

        _client = client;
        CameUp?.Invoke();
        try
        {
            LogAway(await ended.Task.WaitAsync(stopping));
        }
        finally
        {
            _client = null;
            if (stopping.IsCancellationRequested)
            {
                await LeaveAsync(client);
            }
        }
    }

    private async Task LeaveAsync(IMqttClient client)
    {
        try
        {
            await client.DisconnectAsync();
        }
        catch (Exception exception)
        {
            LogAway(exception.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Connected to the broker")]
    private partial void LogConnected();

    [LoggerMessage(Level = LogLevel.Warning, Message = "The broker is away: {Reason}")]
    private partial void LogAway(string reason);
}
