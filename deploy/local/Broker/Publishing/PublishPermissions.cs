namespace EasySmart.Broker;

/// <summary>What is decided about a topic once for one login: a device uses few, and its ACL does not change.</summary>
internal sealed class PublishPermissions(AccessList access, Exchange exchange)
{
    private const int Most = 1_000;

    private readonly Dictionary<string, PublishPermission> _permissions = new(StringComparer.Ordinal);

    public PublishPermission For(string topic)
    {
        if (_permissions.TryGetValue(topic, out var permission))
        {
            return permission;
        }

        if (_permissions.Count >= Most)
        {
            _permissions.Clear();
        }

        permission = new(access.AllowsPublish(topic), exchange.MustBeHeld(topic));
        _permissions.Add(topic, permission);
        return permission;
    }
}

internal readonly record struct PublishPermission(bool Allowed, bool MustBeHeld);
