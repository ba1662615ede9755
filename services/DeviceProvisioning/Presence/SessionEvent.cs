namespace EasySmart.DeviceProvisioning.Presence;

/// <summary>Something that happened to a device's session at the broker.</summary>
/// <param name="ClientId">Its client id.</param>
/// <param name="Tenant">The tenant whose device logged in.</param>
/// <param name="Device">The device that logged in.</param>
/// <param name="At">The broker's time.</param>
public abstract record SessionEvent(string ClientId, Guid Tenant, Guid Device, DateTimeOffset At);

/// <summary>The device is connected.</summary>
public sealed record SessionConnected(string ClientId, Guid Tenant, Guid Device, DateTimeOffset At) : SessionEvent(ClientId, Tenant, Device, At)
{
    /// <summary>The secret that it logged in with.</summary>
    public Guid? Credential { get; init; }

    public required string Username { get; init; }

    /// <summary>Without the port.</summary>
    public string? Address { get; init; }

    /// <summary>It may have found its former session again, with its subscriptions.</summary>
    public bool MayResume { get; init; }

    /// <summary>Seconds that the session outlives the connection.</summary>
    public long ExpiryInterval { get; init; }

    /// <summary>When the connection began; a little before <see cref="SessionEvent.At"/>.</summary>
    public required DateTimeOffset ConnectedAt { get; init; }
}

/// <summary>The connection ended, and no other has taken its session.</summary>
public sealed record SessionDisconnected(string ClientId, Guid Tenant, Guid Device, DateTimeOffset At) : SessionEvent(ClientId, Tenant, Device, At)
{
    public required string Username { get; init; }

    /// <summary>When the connection that ended had begun, where that is known.</summary>
    public DateTimeOffset? ConnectedAt { get; init; }

    /// <summary>It was put out, and its session with it.</summary>
    public bool Kicked { get; init; }

    /// <summary>Seconds that the session goes on; null for what the connect said.</summary>
    public long? ExpiryInterval { get; init; }
}

/// <summary>The device can be told something from now on.</summary>
/// <param name="ClientId">Its client id.</param>
/// <param name="Tenant">The tenant whose device logged in.</param>
/// <param name="Device">The device that logged in.</param>
/// <param name="At">The broker's time.</param>
/// <param name="Command">The one command that it subscribed to; null for all of them.</param>
public sealed record CommandsSubscribed(string ClientId, Guid Tenant, Guid Device, DateTimeOffset At, string? Command)
    : SessionEvent(ClientId, Tenant, Device, At);
