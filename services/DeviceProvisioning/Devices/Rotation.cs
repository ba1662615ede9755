using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>A device gets another secret. What went before it ends at once, or after an overlap in which both pass.</summary>
public static class Rotation
{
    /// <summary>The longest overlap, in seconds: seven days.</summary>
    public const int MaxOverlapSeconds = 604_800;

    // A device that rotates often must not collect a bunch of keys.
    private const int MostEarlier = 7;

    /// <summary>
    /// Adds a new secret and ends the others, with the sessions that logged in with them; saved by the caller, and
    /// <see cref="Mqtt.LoginMemory.Forget"/> called after the commit. Works on either role.
    /// </summary>
    /// <param name="db">The context, in the transaction that holds the lock.</param>
    /// <param name="lockedDevice">The device, its row locked; a tenant's.</param>
    /// <param name="overlap">How long the secret so far passes beside the new one; zero ends all earlier ones. Of those that are running out the newest stay.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The new secret, which is kept nowhere.</returns>
    public static async Task<string> RotateAsync(
        DevicesDb db, Device lockedDevice, TimeSpan overlap, DateTimeOffset now, CancellationToken cancellation)
    {
        var (device, tenant) = (lockedDevice.Id, lockedDevice.TenantId!.Value);
        var kept = overlap == TimeSpan.Zero ? [] : await KeepAsync(db, device, tenant, overlap, cancellation);
        var spared = kept.ConvertAll(k => k.Id);
        var others = await db.Credentials.Where(c => c.DeviceId == device && c.TenantId == tenant && !spared.Contains(c.Id)).Select(c => c.Id).ToListAsync(cancellation);
        await db.Credentials.Where(c => others.Contains(c.Id)).ExecuteDeleteAsync(cancellation);
        // By secret, so that a session that the new one opens right after this is left alone.
        db.AddRange(others.Select(id => EndOf(lockedDevice, id, now)));
        db.AddRange(kept.Where(k => k.EndsAnew).Select(k => EndOf(lockedDevice, k.Id, k.ValidUntil)));
        var secret = Credential.MakeSecret();
        db.Add(Credential.For(lockedDevice, tenant, secret));
        return secret;
    }

    // Those that are running out keep the time that they were given. By the statement's clock, not the transaction's: that began before the
    // lock was waited for, perhaps before this secret was made.
    private static Task<List<Kept>> KeepAsync(DevicesDb db, Guid device, Guid tenant, TimeSpan overlap, CancellationToken cancellation) => db.Database
        .SqlQuery<Kept>(
            $"""
            UPDATE credentials SET valid_until = coalesce(valid_until, statement_timestamp() + {overlap})
            WHERE id IN (
                SELECT id FROM credentials
                WHERE device_id = {device} AND tenant_id = {tenant} AND (valid_until IS NULL OR valid_until > statement_timestamp())
                ORDER BY valid_from DESC, id DESC LIMIT {MostEarlier})
            RETURNING id, valid_until, valid_until = statement_timestamp() + {overlap} AS ends_anew
            """)
        .ToListAsync(cancellation);

    private static SessionEnd EndOf(Device device, Guid credential, DateTimeOffset at) =>
        new() { TenantId = device.TenantId!.Value, DeviceId = device.Id, CredentialId = credential, Label = device.DeviceLabel, DueAt = at };

    private sealed record Kept(Guid Id, DateTimeOffset ValidUntil, bool EndsAnew);
}
