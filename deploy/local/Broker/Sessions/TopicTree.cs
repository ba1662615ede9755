namespace EasySmart.Broker;

/// <summary>Subscriptions by the levels of their filters. Guarded by the router.</summary>
internal sealed class TopicTree
{
    private readonly Dictionary<string, TopicTree> _children = new(StringComparer.Ordinal);
    private readonly Dictionary<Session, Subscription> _here = [];

    /// <summary>Those that end in <c>#</c> below this level.</summary>
    private readonly Dictionary<Session, Subscription> _below = [];

    private bool IsEmpty => _children.Count == 0 && _here.Count == 0 && _below.Count == 0;

    public void Add(ReadOnlySpan<char> filter, Subscription subscription)
    {
        if (filter is "#")
        {
            _below[subscription.Session] = subscription;
            return;
        }

        var end = filter.IndexOf('/');
        var children = _children.GetAlternateLookup<ReadOnlySpan<char>>();
        var level = end < 0 ? filter : filter[..end];
        if (!children.TryGetValue(level, out var child))
        {
            children[level] = child = new TopicTree();
        }

        if (end < 0)
        {
            child._here[subscription.Session] = subscription;
        }
        else
        {
            child.Add(filter[(end + 1)..], subscription);
        }
    }

    public void Remove(ReadOnlySpan<char> filter, Session session)
    {
        if (filter is "#")
        {
            _below.Remove(session);
            return;
        }

        var end = filter.IndexOf('/');
        var children = _children.GetAlternateLookup<ReadOnlySpan<char>>();
        var level = end < 0 ? filter : filter[..end];
        if (!children.TryGetValue(level, out var child))
        {
            return;
        }

        if (end < 0)
        {
            child._here.Remove(session);
        }
        else
        {
            child.Remove(filter[(end + 1)..], session);
        }

        if (child.IsEmpty)
        {
            children.Remove(level);
        }
    }

    /// <param name="topic">A topic name, or what is left of it.</param>
    /// <param name="wildcards">False for the first level of a topic that starts with a dollar.</param>
    /// <param name="into">Gets one entry for each subscription that matches.</param>
    public void Match(ReadOnlySpan<char> topic, bool wildcards, List<Subscription> into)
    {
        if (wildcards)
        {
            into.AddRange(_below.Values);
        }

        var end = topic.IndexOf('/');
        var level = end < 0 ? topic : topic[..end];
        if (_children.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(level, out var child))
        {
            child.Enter(end < 0, end < 0 ? [] : topic[(end + 1)..], into);
        }

        if (wildcards && _children.TryGetValue("+", out var any))
        {
            any.Enter(end < 0, end < 0 ? [] : topic[(end + 1)..], into);
        }
    }

    private void Enter(bool isLast, ReadOnlySpan<char> rest, List<Subscription> into)
    {
        if (!isLast)
        {
            Match(rest, wildcards: true, into);
            return;
        }

        into.AddRange(_here.Values);
        into.AddRange(_below.Values); // "a/#" matches "a" too.
    }
}
