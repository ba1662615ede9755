namespace EasySmart.Broker;

/// <summary>
/// Who gets a topic: a tree of levels, so that a publish costs its depth and not the number of subscribers.
/// </summary>
internal sealed class Router
{
    private readonly Lock _gate = new();
    private readonly Node _root = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes at the next new subscription. Take it before <see cref="Match"/>, or one may come in between.</summary>
    public Task Changed => Volatile.Read(ref _changed).Task;

    /// <returns>Whether the session had no subscription to this filter.</returns>
    public bool Subscribe(string filter, Subscription subscription)
    {
        bool isNew;
        lock (_gate)
        {
            var (node, below) = Find(filter, create: true)!.Value;
            (below ? node.Below : node.Here)[subscription.Session] = subscription;
            isNew = !subscription.Session.Subscriptions.ContainsKey(filter);
            subscription.Session.Subscriptions[filter] = subscription;
        }

        Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        return isNew;
    }

    public bool Unsubscribe(string filter, Session session)
    {
        lock (_gate)
        {
            return Remove(filter, session);
        }
    }

    public void Forget(Session session)
    {
        lock (_gate)
        {
            foreach (var filter in session.Subscriptions.Keys.ToArray())
            {
                Remove(filter, session);
            }
        }
    }

    /// <summary>One entry for each subscription that matches: overlapping ones each get the message, as from EMQX.</summary>
    public void Match(ReadOnlySpan<char> topic, List<Subscription> into)
    {
        lock (_gate)
        {
            Match(_root, topic, topic[0] != '$', into);
        }
    }

    private static void Match(Node node, ReadOnlySpan<char> rest, bool wildcards, List<Subscription> into)
    {
        if (wildcards)
        {
            into.AddRange(node.Below.Values);
        }

        var end = rest.IndexOf('/');
        var level = end < 0 ? rest : rest[..end];
        if (node.Children.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(level, out var child))
        {
            Enter(child, rest, end, into);
        }

        if (wildcards && node.Children.TryGetValue("+", out var any))
        {
            Enter(any, rest, end, into);
        }
    }

    private static void Enter(Node node, ReadOnlySpan<char> rest, int end, List<Subscription> into)
    {
        if (end >= 0)
        {
            Match(node, rest[(end + 1)..], wildcards: true, into);
            return;
        }

        into.AddRange(node.Here.Values);
        into.AddRange(node.Below.Values);
    }

    private bool Remove(string filter, Session session)
    {
        if (!session.Subscriptions.Remove(filter) || Find(filter, create: false) is not var (node, below))
        {
            return false;
        }

        (below ? node.Below : node.Here).Remove(session);
        Prune(_root, filter);
        return true;
    }

    private (Node Node, bool Below)? Find(string filter, bool create)
    {
        var node = _root;
        foreach (var range in filter.AsSpan().Split('/'))
        {
            var level = filter.AsSpan(range);
            if (level is "#")
            {
                return (node, true);
            }

            var children = node.Children.GetAlternateLookup<ReadOnlySpan<char>>();
            if (!children.TryGetValue(level, out var child))
            {
                if (!create)
                {
                    return null;
                }

                children[level] = child = new Node();
            }

            node = child;
        }

        return (node, false);
    }

    private static bool Prune(Node node, ReadOnlySpan<char> rest)
    {
        var end = rest.IndexOf('/');
        var level = end < 0 ? rest : rest[..end];
        var children = node.Children.GetAlternateLookup<ReadOnlySpan<char>>();
        if (children.TryGetValue(level, out var child) && Prune(child, end < 0 ? [] : rest[(end + 1)..]))
        {
            children.Remove(level);
        }

        return node.Children.Count == 0 && node.Here.Count == 0 && node.Below.Count == 0;
    }

    private sealed class Node
    {
        public Dictionary<string, Node> Children { get; } = new(StringComparer.Ordinal);

        public Dictionary<Session, Subscription> Here { get; } = [];

        /// <summary>Subscriptions that end in <c>#</c> here.</summary>
        public Dictionary<Session, Subscription> Below { get; } = [];
    }
}
