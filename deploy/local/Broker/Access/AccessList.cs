namespace EasySmart.Broker;

/// <summary>What one login may do: EMQX's rules in their order, the first that matches decides, and none means no.</summary>
internal sealed class AccessList
{
    private const string LiteralPrefix = "eq ";

    private readonly Rule[] _rules;
    private readonly bool _superuser;

    private AccessList(Rule[] rules, bool superuser) => (_rules, _superuser) = (rules, superuser);

    /// <summary>Every rule is understood or the whole list is refused, as EMQX does: half an ACL is not an ACL.</summary>
    public static AccessList? TryCreate(
        IReadOnlyList<AccessRule> rules, bool superuser, string clientId, string userName, out string? problem)
    {
        problem = null;
        var compiled = new Rule[rules.Count];
        for (var i = 0; i < compiled.Length; i++)
        {
            if (Compile(rules[i], clientId, userName, out problem) is not { } rule)
            {
                problem = $"acl rule {i}: {problem}";
                return null;
            }

            compiled[i] = rule;
        }

        return new AccessList(compiled, superuser);
    }

    public bool AllowsPublish(string topic) => Allows(Actions.Publish, topic);

    public bool AllowsSubscribe(string filter) => Allows(Actions.Subscribe, filter);

    private bool Allows(Actions action, string topic)
    {
        if (_superuser)
        {
            return true;
        }

        foreach (var rule in _rules)
        {
            if ((rule.Actions & action) != 0 && (rule.Literal ? rule.Topic == topic : Topics.Covers(rule.Topic, topic)))
            {
                return rule.Allow;
            }
        }

        return false;
    }

    private static Rule? Compile(AccessRule rule, string clientId, string userName, out string? problem)
    {
        problem = null;
        bool? allow = rule.Permission switch { "allow" => true, "deny" => false, _ => null };
        Actions? actions = rule.Action switch
        {
            "publish" => Actions.Publish,
            "subscribe" => Actions.Subscribe,
            "all" => Actions.Publish | Actions.Subscribe,
            _ => null,
        };
        if (allow is null || actions is null)
        {
            problem = allow is null ? "permission is not allow or deny" : "action is not publish, subscribe or all";
            return null;
        }

        var topic = rule.Topic ?? "";
        var literal = topic.StartsWith(LiteralPrefix, StringComparison.Ordinal);
        if (literal)
        {
            topic = topic[LiteralPrefix.Length..];
        }

        foreach (var (placeholder, value) in new[] { ("${clientid}", clientId), ("${username}", userName) })
        {
            if (!topic.Contains(placeholder, StringComparison.Ordinal))
            {
                continue;
            }

            // A client chooses its id: one called "+" must not turn a rule for itself into a rule for everybody.
            if (value.Length == 0 || value.AsSpan().IndexOfAny('+', '#') >= 0)
            {
                problem = $"{placeholder} is empty or has a wildcard";
                return null;
            }

            topic = topic.Replace(placeholder, value, StringComparison.Ordinal);
        }

        if (!Topics.IsFilter(topic))
        {
            problem = "topic is not a topic filter";
            return null;
        }

        return new Rule(allow.Value, actions.Value, topic, literal);
    }

    [Flags]
    private enum Actions
    {
        None = 0,
        Publish = 1,
        Subscribe = 2,
    }

    private readonly record struct Rule(bool Allow, Actions Actions, string Topic, bool Literal);
}
