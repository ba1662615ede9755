namespace EasySmart.Broker;

/// <summary>
/// Who gets a topic: a tree of levels, so that a publish costs its depth and not the number of subscribers.
/// </summary>
internal sealed class Router
{
    private readonly Lock _gate = new();
    private readonly TopicTree _tree = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes at the next new subscription. Take it before <see cref="Match"/>, or one may come in between.</summary>
    public Task Changed => Volatile.Read(ref _changed).Task;

    /// <returns>Whether the session had no subscription to this filter.</returns>
    public bool Subscribe(string filter, Subscription subscription)
    {
        bool isNew;
        lock (_gate)
        {
            if (subscription.Session.IsForgotten)
            {
                return false; // Its connection is being taken over; a dead session must never match again.
            }

            isNew = !subscription.Session.Subscriptions.ContainsKey(filter);
            subscription.Session.Subscriptions[filter] = subscription;
            _tree.Add(filter, subscription);
        }

        Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        return isNew;
    }

    public bool Unsubscribe(string filter, Session session)
    {
        lock (_gate)
        {
            _tree.Remove(filter, session);
            return session.Subscriptions.Remove(filter);
        }
    }

    public void Forget(Session session)
    {
        lock (_gate)
        {
            foreach (var filter in session.Subscriptions.Keys)
            {
                _tree.Remove(filter, session);
            }

            session.Subscriptions.Clear();
            session.IsForgotten = true;
        }
    }

    /// <summary>One entry for each subscription that matches: overlapping ones each get the message, as from EMQX.</summary>
    public void Match(string topic, List<Subscription> into)
    {
        lock (_gate)
        {
            _tree.Match(topic, wildcards: topic[0] != '$', into);
        }
    }
}
