using EasySmart.DeviceProvisioning.Commands;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.DeviceProvisioning.Sessions;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Presence;

/// <summary>
/// Stores what happened to sessions, a batch in one transaction: the sessions, when and where from the devices were seen last, the
/// commands that can be sent now, and the ends of sessions that should not be there. Locked in the order of client ids, then of device ids,
/// then of commands, or instances deadlock.
/// </summary>
public sealed class SessionBook(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, ClientIds clientIds, CommandDispatcher commands, TimeProvider clock)
{
    public async Task ApplyAsync(IReadOnlyList<SessionEvent> events, CancellationToken cancellation)
    {
        // The order in which they came says nothing: the broker sends them side by side.
        var inOrder = events.OrderBy(e => e.At).ToList();
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var rows = await transaction.LockSessionsAsync(inOrder.Where(e => e is not CommandsSubscribed), cancellation);
        var owners = await transaction.LockOwnersAsync(inOrder.Select(e => e.Device), cancellation);
        var outcome = new Outcome(rows, owners);
        inOrder.ForEach(outcome.Apply);
        var changed = rows.Values.Where(row => row.Changed).ToList();
        await transaction.WriteSessionsAsync(changed, cancellation);
        await transaction.MarkConnectedAsync(outcome.Seen.Values, cancellation);
        var wakes = await transaction.WakeAsync(outcome.Reachable, cancellation);
        foreach (var (@event, holder) in outcome.Unwanted)
        {
            await EndAsync(transaction, @event, holder, cancellation);
        }

        await transaction.CommitAsync(cancellation);
        changed.ForEach(row => clientIds.Apply(row.ClientId, row.Device, row.Connected, row.HeldUntil));
        if (wakes)
        {
            commands.Wake();
        }
    }

    private async Task EndAsync(NpgsqlTransaction transaction, SessionConnected @event, Guid? holder, CancellationToken cancellation)
    {
        await using var end = new NpgsqlCommand(
            "INSERT INTO session_ends (tenant_id, device_id, client_id, due_at) VALUES ($1, $2, $3, $4)", transaction.Connection, transaction)
        {
            Parameters =
            {
                new() { Value = @event.Tenant },
                new() { Value = @event.Device },
                new() { Value = @event.ClientId },
                new() { Value = clock.GetUtcNow() },
            },
        };
        await end.ExecuteNonQueryAsync(cancellation);
        if (holder is not null)
        {
            var conflict = DeviceChanges.ByItself(
                @event.Device, @event.Tenant, clock.GetUtcNow(), "device.client_id_conflict", "connect", @event.Address) with
            {
                Severity = "warning",
                Result = "denied",
                // Not which other device: it may be another tenant's.
                Metadata = System.Text.Json.JsonSerializer.SerializeToElement(new { client_id = @event.ClientId }),
            };
            await transaction.PublishAsync(conflict, @event.Device.ToString(), cancellation);
        }
    }

    /// <summary>What a batch comes to.</summary>
    private sealed class Outcome(Dictionary<string, SessionRow> rows, Dictionary<Guid, DeviceOwner> owners)
    {
        /// <summary>The newest connect of each device.</summary>
        public Dictionary<Guid, SessionConnected> Seen { get; } = [];

        public List<SessionEvent> Reachable { get; } = [];

        /// <summary>Sessions that are to end, and whose client id they took, if it was another's.</summary>
        public List<(SessionConnected Session, Guid? Holder)> Unwanted { get; } = [];

        public void Apply(SessionEvent @event)
        {
            switch (@event)
            {
                case SessionConnected connected:
                    Connect(connected, rows[connected.ClientId]);
                    break;
                case SessionDisconnected disconnected when !rows[disconnected.ClientId].IsLate(disconnected):
                    rows[disconnected.ClientId].Disconnect(disconnected);
                    break;
                case CommandsSubscribed when OwnerOf(@event) is not null:
                    Reachable.Add(@event);
                    break;
            }
        }

        private void Connect(SessionConnected connected, SessionRow row)
        {
            if (row.IsLate(connected))
            {
                return;
            }

            if (OwnerOf(connected) is not { MayConnect: true } owner || (connected.Credential is { } secret && !owner.Credentials.Contains(secret)))
            {
                // It logged in while its device changed hands or was shut out or its secret died, and is the last to hear of it; or an instance
                // that could not hear of it let it in.
                Unwanted.Add((connected, null));
                return;
            }

            if (row.IsAnothers(connected))
            {
                // Two instances let two devices in under one id at the same time. The broker has given the session to the second.
                Unwanted.Add((connected, row.Device));
            }

            row.Connect(connected);
            Seen[connected.Device] = connected;
            if (connected.MayResume)
            {
                Reachable.Add(connected);
            }
        }

        private DeviceOwner? OwnerOf(SessionEvent @event) =>
            owners.TryGetValue(@event.Device, out var owner) && owner.Tenant == @event.Tenant ? owner : null;
    }
}
