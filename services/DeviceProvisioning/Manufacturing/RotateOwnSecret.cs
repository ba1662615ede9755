using System.ComponentModel.DataAnnotations;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>
/// A device gives itself a new secret. It signs <c>{identity}:{timestamp}:rotate</c> with its own key, so that no signature of another call
/// passes here, nor this one twice.
/// </summary>
public static class RotateOwnSecret
{
    private const string Purpose = "rotate";

    public static async Task<Results<FirmwareAnswer<SecretAnswer>, ProblemResult>> HandleAsync(
        RotateOwnSecretRequest request, Caller caller, Signers signers, IOptions<ManufacturingOptions> options, IOptions<MqttOptions> mqtt,
        LoginMemory logins, TimeProvider clock, CancellationToken cancellation)
    {
        var (signer, text, refusal) = await signers.VerifyAsync(request, Purpose, caller, cancellation);
        if (refusal is not null)
        {
            return refusal;
        }

        if (signer is null)
        {
            return Problem.NotFound(DeviceChanges.NotFound);
        }

        var (db, now) = (signers.Db, clock.GetUtcNow());
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        if (await signers.UseAsync(text!, Purpose, cancellation) is { } used)
        {
            return used;
        }

        if (await SignedDevices.LockAsync(db, signer, cancellation) is not { } device)
        {
            return Problem.NotFound(DeviceChanges.NotFound);
        }

        var refused = SignedDevices.Refuse(device, signer)
            // Or this would be a way around the delivery window.
            ?? (await db.Credentials.AnyAsync(c => c.DeviceId == device.Id && c.TenantId == device.TenantId, cancellation)
                ? null
                : Problem.Conflict("The device has no secret yet: it has to fetch one first"));
        if (refused is not null)
        {
            await transaction.CommitAsync(cancellation);
            return refused;
        }

        var overlap = request.OverlapSeconds ?? 0;
        var secret = await Rotation.RotateAsync(db, device, TimeSpan.FromSeconds(overlap), now, cancellation);
        var audit = SignedDevices.Audit(device.Id, device.TenantId, caller, now, "device.credentials_rotated", "rotate");
        db.Publish(audit, device.Id.ToString());
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        logins.Forget(device.Id);
        return SecretAnswer.Of(device, secret, now + options.Value.DeliveryWindow, mqtt.Value);
    }
}

/// <summary>A signed request, its signature over <c>{identity}:{timestamp}:rotate</c>.</summary>
/// <param name="DeviceId">The device's id; or else <example>019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70</example></param>
/// <param name="HardwareId">its hardware id. <example>ES-00A1B2C3</example></param>
/// <param name="Timestamp">Its time in RFC 3339, at most 300 s away from ours. <example>2026-02-15T00:00:00Z</example></param>
/// <param name="Signature">
/// Lower-case hex of HMAC-SHA256(its key, <c>{identity}:{timestamp}:rotate</c>).
/// <example>5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592</example>
/// </param>
/// <param name="OverlapSeconds">How long the secret so far passes beside the new one: 0 to 604800 (7 days); 0 when absent. <example>3600</example></param>
public sealed record RotateOwnSecretRequest(
    string? DeviceId = null,
    string? HardwareId = null,
    string? Timestamp = null,
    string? Signature = null,
    [property: Range(0, Rotation.MaxOverlapSeconds, ErrorMessage = "Must be from {1} to {2}")] int? OverlapSeconds = null)
    : SignedRequest(DeviceId, HardwareId, Timestamp, Signature);
