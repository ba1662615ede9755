using System.Threading.Channels;
using EasySmart.Ingestion.Batches;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.Extensions.Options;

namespace EasySmart.Ingestion.Webhook;

/// <summary>
/// Takes what came by HTTP to its commit, in the same batches as what comes from the broker; or takes it back when that lasts too long, so
/// that whoever is told to send it again does not have it stored twice.
/// </summary>
internal sealed class Reception(
    Intake intake,
    DirectoryKeeper keeper,
    DeviceDirectory directory,
    BatchWriter writer,
    ArrivalClock arrivals,
    IHostApplicationLifetime service,
    IOptions<IngestionOptions> options,
    TimeProvider clock)
{
    // While a commit holds a message, its outcome is waited for; not longer than anybody in between waits for us.
    private static readonly TimeSpan LongestCommit = TimeSpan.FromSeconds(25);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(50);
    // What is left of the time in which the service has to stop is the batches'.
    private static readonly TimeSpan WhenStopping = TimeSpan.FromSeconds(5);
    private readonly TimeSpan _patience = options.Value.WebhookPatience;
    private readonly Room _forOne = new(options.Value.HeldBytes);
    private readonly Room _forMany = new(options.Value.HeldBytes);

    /// <summary>The answer for what is not stored.</summary>
    public static ProblemResult NotStored => Problem.Unavailable("Not stored; send it again", retryAfterSeconds: 1);

    /// <summary>Makes a message of what was read; null when the caller may not send it.</summary>
    public Message? Open(in ReadRequest request, Caller caller, Delivery delivery)
    {
        var message = new Message(request.Topic, request.Payload, delivery) { ReceivedAt = arrivals.Next(), SentAt = request.SentAt, IsAwaited = true };
        Intake.ReadTopic(message);
        if (caller.TenantId is { } own && message.TenantId != Guid.Empty && message.TenantId != own)
        {
            return null;
        }

        if (message.DeviceId != Guid.Empty && request.Sender is { } sender && sender != message.DeviceId)
        {
            message.Rejection = Rejections.SenderMismatch;
            // In the sender's own record, unless somebody says so who cannot know.
            message.Device = directory.Find(sender) is { } device && (caller.TenantId is null || caller.TenantId == device.TenantId) ? device : null;
            message.DeviceId = message.Device?.Id ?? Guid.Empty;
        }

        delivery.Add(message);
        return message;
    }

    /// <summary>Returns true when the message is committed, as readings or as a rejection; false when it is to be sent again.</summary>
    public async Task<bool> StoreAsync(Delivery delivery, int bytes, CancellationToken gone)
    {
        using var room = _forOne.Take(bytes);
        return room is not null && await CommitAsync(delivery, _patience, gone);
    }

    /// <summary>Room for a body with many readings and for what is made of it; null when there is none.</summary>
    public IDisposable? RoomForMany(int bytes) => _forMany.Take(2 * bytes);

    /// <summary>The same for many messages, some of which may be committed when it returns false.</summary>
    public async Task<bool> StoreManyAsync(Delivery delivery, CancellationToken gone) =>
        delivery.Messages.Count == 0 || await CommitAsync(delivery, 4 * _patience, gone);

    private async Task<bool> CommitAsync(Delivery delivery, TimeSpan patience, CancellationToken gone)
    {
        if (writer.IsWaiting)
        {
            return false;
        }

        using var timer = new CancellationTokenSource(patience, clock);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, gone);
        using var stopping = service.ApplicationStopping.UnsafeRegister(static timer => ((CancellationTokenSource)timer!).CancelAfter(WhenStopping), timer);
        try
        {
            await keeper.Loaded.WaitAsync(ends.Token);
            foreach (var message in delivery.Messages)
            {
                await intake.AcceptOrAskAsync(message, ends.Token);
            }

            await delivery.Settled.WaitAsync(ends.Token);
        }
        catch (Exception exception) when (exception is OperationCanceledException or ChannelClosedException)
        {
            await WithdrawAsync(delivery);
        }

        return delivery.Settled.IsCompleted && delivery.IsCommitted;
    }

    private async Task WithdrawAsync(Delivery delivery)
    {
        var since = clock.GetTimestamp();
        delivery.Withdraw();
        while (!delivery.Settled.IsCompleted && clock.GetElapsedTime(since) < LongestCommit)
        {
            await Task.WhenAny(delivery.Settled, Task.Delay(BetweenLooks, clock));
            delivery.Withdraw();
        }
    }
}
