namespace EasySmart.DeviceProvisioning.Presence;

/// <summary>A row of <c>mqtt_sessions</c>, and what an event makes of it.</summary>
public sealed class SessionRow
{
    public required string ClientId { get; init; }

    public required Guid Tenant { get; set; }

    public required Guid Device { get; set; }

    public Guid? Credential { get; set; }

    public required string Username { get; set; }

    public string? Address { get; set; }

    public required bool Connected { get; set; }

    public required DateTimeOffset ConnectedAt { get; set; }

    public required long ExpiryInterval { get; set; }

    public required DateTimeOffset ChangedAt { get; set; }

    public DateTimeOffset? HeldUntil { get; set; }

    /// <summary>Differs from what is stored.</summary>
    public bool Changed { get; private set; }

    private bool IsNew => ChangedAt == DateTimeOffset.UnixEpoch;

    /// <summary>Whether what happened then is overtaken by what is known already.</summary>
    public bool IsLate(SessionEvent @event) => @event.At < ChangedAt;

    /// <summary>Whether another device has the session at that moment.</summary>
    public bool IsAnothers(SessionEvent @event) => !IsNew && Device != @event.Device && (Connected || HeldUntil > @event.At);

    public void Connect(SessionConnected @event)
    {
        (Tenant, Device, Credential) = (@event.Tenant, @event.Device, @event.Credential);
        (Username, Address) = (@event.Username, @event.Address);
        (Connected, ConnectedAt, ChangedAt) = (true, @event.ConnectedAt, @event.At);
        (ExpiryInterval, HeldUntil) = (@event.ExpiryInterval, null);
        Changed = true;
    }

    public void Disconnect(SessionDisconnected @event)
    {
        // Not the connection that is known: a former one of the same client id.
        if (!IsNew && (Device != @event.Device || @event.ConnectedAt < ConnectedAt))
        {
            return;
        }

        ExpiryInterval = @event.ExpiryInterval ?? ExpiryInterval;
        (Connected, ChangedAt) = (false, @event.At);
        HeldUntil = @event.Kicked || ExpiryInterval == 0 ? null : After(@event.At, ExpiryInterval);
        Changed = true;
    }

    // MQTT's "never expires" is 136 years.
    private static DateTimeOffset After(DateTimeOffset at, long seconds) => at.AddSeconds(Math.Min(seconds, uint.MaxValue));
}
