using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>
/// Tells which device signed a request. The signature is looked at first and the clock after it: who cannot sign is told nothing but that,
/// and who can is told our time.
/// </summary>
public sealed class Signers(SystemContext<DevicesDb> system, MasterKeys keys, ManufacturingMetrics metrics, TimeProvider clock)
{
    /// <summary>The context of this request, for work without a caller.</summary>
    public DevicesDb Db => system.Value;

    /// <summary>The device that signed; or the refusal.</summary>
    /// <param name="request">The request.</param>
    /// <param name="purpose">What the signature is for, where it is for one thing only; then it is never a legacy one.</param>
    /// <param name="caller">Who sent it, for the audit.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>No signer and no refusal for hardware that is not known, and has a key all the same.</returns>
    public async Task<(Signer? Signer, SignedText? Text, ProblemResult? Refusal)> VerifyAsync(
        SignedRequest request, string? purpose, Caller caller, CancellationToken cancellation)
    {
        var (text, fault) = request.Read();
        if (text is null)
        {
            return (null, null, fault);
        }

        var known = await FindAsync(text, cancellation);
        if (known is null && text.DeviceId is not null)
        {
            return (null, text, Problem.NotFound(DeviceChanges.NotFound));
        }

        var own = known is null
            ? keys.IsSignedWithAny(text.Identity, text.TextFor(purpose), text.Signature)
            : keys.IsSigned(known.KeyId, text.Identity, text.TextFor(purpose), text.Signature);
        var legacy = !own && purpose is null && known?.LegacySigning == true && keys.IsSignedByMaster(text.TextFor(null), text.Signature);
        if (!own && !legacy)
        {
            return (null, text, Problem.Unauthorized("The signature is wrong"));
        }

        var now = clock.GetUtcNow();
        if (!text.IsTimely(now))
        {
            return (null, text, Problem.Unauthorized(
                "The timestamp is too far from the time of the server", new ClockSkew("clock_skew", now.AddTicks(-(now.Ticks % TimeSpan.TicksPerSecond)))));
        }

        if (legacy)
        {
            await NoteLegacyAsync(known!, now, caller, cancellation);
        }

        return (known is null ? null : new Signer(known.Id, known.HardwareId, Status(known), known.TenantId, known.TenantStopped, legacy), text, null);
    }

    /// <summary>
    /// Lets each signature pass once for a purpose. Called within the transaction of what it allows; of two at once one waits for the other.
    /// </summary>
    /// <returns>The refusal of one that has been used; null the first time.</returns>
    public async Task<ProblemResult?> UseAsync(SignedText text, string purpose, CancellationToken cancellation) =>
        await UsedSignatures.TryAddAsync(Db, text.Spelling, text.Timestamp, purpose, text.At + UsedSignatures.Kept, cancellation)
            ? null
            : Problem.Unauthorized("The signature was used already");

    private Task<Known?> FindAsync(SignedText text, CancellationToken cancellation) => Db.Database
        .SqlQuery<Known>(
            $"""
            SELECT d.id, d.hardware_id, d.status, d.tenant_id, r.key_id, coalesce(r.legacy_signing, false) AS legacy_signing,
                coalesce(t.status <> 'active', false) AS tenant_stopped
            FROM devices d LEFT JOIN registry r ON r.device_id = d.id LEFT JOIN tenants t ON t.tenant_id = d.tenant_id
            WHERE d.hardware_id = {text.HardwareId} OR d.id = {text.DeviceId}
            """)
        .SingleOrDefaultAsync(cancellation);

    // Once a day for each device: it asks every minute, and the audit is to show who still does so, not how often.
    private async Task NoteLegacyAsync(Known device, DateTimeOffset now, Caller caller, CancellationToken cancellation)
    {
        metrics.CountLegacy();
        var day = now.UtcDateTime.Date;
        await using var transaction = await Db.Database.BeginTransactionAsync(cancellation);
        if (await UsedSignatures.TryAddAsync(Db, device.Id.ToString(), $"{day:yyyy-MM-dd}", "legacy", new DateTimeOffset(day, TimeSpan.Zero).AddDays(2), cancellation))
        {
            var audit = SignedDevices.Audit(device.Id, device.TenantId, caller, now, "device.legacy_signature", "sign");
            Db.Publish(audit with { Severity = "warning" }, device.Id.ToString());
            await Db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }
    }

    private static DeviceStatus Status(Known device) => Enum.Parse<DeviceStatus>(device.Status, ignoreCase: true);

    private sealed record Known(Guid Id, string? HardwareId, string Status, Guid? TenantId, string? KeyId, bool LegacySigning, bool TenantStopped);

    private sealed record ClockSkew(string Reason, DateTimeOffset ServerTime);
}

/// <summary>A device that signed.</summary>
/// <param name="DeviceId">Its id.</param>
/// <param name="HardwareId">Its hardware id, if it has one.</param>
/// <param name="Status">Where it was in its life when it was looked up.</param>
/// <param name="TenantId">Whose it was then.</param>
/// <param name="TenantStopped">Whether its tenant is suspended or deleted.</param>
/// <param name="Legacy">Whether it signed with a master key itself.</param>
public sealed record Signer(Guid DeviceId, string? HardwareId, DeviceStatus Status, Guid? TenantId, bool TenantStopped, bool Legacy);
