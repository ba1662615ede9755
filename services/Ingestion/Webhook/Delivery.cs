namespace EasySmart.Ingestion.Webhook;

/// <summary>The messages of one request, and what has become of them.</summary>
internal sealed class Delivery : IMessageSource
{
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Message> _messages = [];
    private int _open;

    public IReadOnlyList<Message> Messages => _messages;

    /// <summary>Each message is committed or taken back.</summary>
    public Task Settled => _settled.Task;

    /// <summary>All of them are committed; asked when they are settled.</summary>
    public bool IsCommitted => _messages.TrueForAll(message => message.Done);

    /// <summary>A commit has counted this call of the webhook. The batches' own.</summary>
    public bool IsCounted { get; set; }

    public void Add(Message message)
    {
        _messages.Add(message);
        _open++;
    }

    public ValueTask CommittedAsync(IReadOnlyList<Message> messages)
    {
        foreach (var message in messages)
        {
            message.Done = true;
        }

        Settle(messages.Count);
        return ValueTask.CompletedTask;
    }

    /// <summary>Takes back what no commit holds; what one holds may be tried again when it has failed.</summary>
    public void Withdraw() => Settle(_messages.Count(message => message.TryWithdraw()));

    private void Settle(int messages)
    {
        if (messages > 0 && Interlocked.Add(ref _open, -messages) == 0)
        {
            _settled.TrySetResult();
        }
    }
}
