using System.Security.Cryptography;
using EasySmart.DeviceProvisioning.Devices;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>What the registry knows of a device that somebody claims.</summary>
public sealed record StoredClaimCode(byte[]? ClaimCodeSha256, string? ClaimCodeBcrypt, string? FactoryLabel)
{
    /// <summary>
    /// Compares the code that is shown with the slow hash of the earlier system, where there is one. Before the row is locked: this takes its
    /// time and may have to wait its turn, and a connection would wait with it.
    /// </summary>
    /// <returns>The hash that the code has passed; null when there is none, or it has not, or the tenant has to wait anyway.</returns>
    public static async Task<string?> CheckEarlierAsync(
        DevicesDb db, ClaimDeviceRequest request, Guid tenant, BcryptChecks bcrypt, DateTimeOffset now, CancellationToken cancellation)
    {
        var hash = await db.Database.SqlQuery<string>(
            $"""
            SELECT r.claim_code_bcrypt AS "Value" FROM devices d JOIN registry r ON r.device_id = d.id
            WHERE (d.id = {request.DeviceId} OR d.hardware_id = {request.HardwareId}) AND d.status = 'unclaimed' AND r.claim_code_bcrypt IS NOT NULL
                AND NOT EXISTS (SELECT FROM claim_attempts a WHERE a.tenant_id = {tenant} AND a.device_id = d.id AND a.next_at > {now})
            """).SingleOrDefaultAsync(cancellation);
        return hash is not null && await bcrypt.IsRightAsync(hash, request.ClaimCode.Trim(), cancellation) ? hash : null;
    }

    /// <summary>The device's code; null when it has none.</summary>
    public static Task<StoredClaimCode?> OfAsync(DevicesDb db, Guid device, CancellationToken cancellation) => db.Database
        .SqlQuery<StoredClaimCode>(
            $"""
            SELECT claim_code_sha256, claim_code_bcrypt, factory_label FROM registry
            WHERE device_id = {device} AND (claim_code_sha256 IS NOT NULL OR claim_code_bcrypt IS NOT NULL)
            """)
        .SingleOrDefaultAsync(cancellation);

    /// <summary>
    /// Opens the delivery of the secret. A code whose slow hash came from the earlier system has just been shown: from here on its quick one
    /// does.
    /// </summary>
    public static Task<int> AcceptAsync(DevicesDb db, Guid device, string code, DateTimeOffset deliveryUntil, CancellationToken cancellation) =>
        db.Database.ExecuteSqlAsync(
            $"""
            UPDATE registry SET delivery_until = {deliveryUntil}, delivered_at = NULL, claim_code_sha256 = {ClaimCode.Hash(device, code)}, claim_code_bcrypt = NULL
            WHERE device_id = {device}
            """,
            cancellation);

    /// <summary>Whether it is the code that is shown.</summary>
    /// <param name="device">The device.</param>
    /// <param name="shown">The code that is shown.</param>
    /// <param name="passed">What <see cref="CheckEarlierAsync"/> returned.</param>
    public bool Matches(Guid device, string shown, string? passed) => ClaimCodeSha256 is { } hash
        ? CryptographicOperations.FixedTimeEquals(hash, ClaimCode.Hash(device, shown))
        : ClaimCodeBcrypt == passed;
}
