using EasySmart.Contracts.DeviceProvisioning;
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
/// Makes the secret of a device that was claimed and tells it, this once, within the delivery window. Each signature passes once. A lost
/// answer is repaired by rotation, or by reset and claim.
/// </summary>
public static class DeliverSecret
{
    public static async Task<Results<FirmwareAnswer<SecretAnswer>, ProblemResult>> HandleAsync(
        SignedRequest request, Caller caller, Signers signers, IOptions<ManufacturingOptions> options, IOptions<MqttOptions> mqtt,
        LoginMemory logins, TimeProvider clock, CancellationToken cancellation)
    {
        var (signer, text, refusal) = await signers.VerifyAsync(request, purpose: null, caller, cancellation);
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
        if (await signers.UseAsync(text!, "secret", cancellation) is { } used)
        {
            return used;
        }

        if (await SignedDevices.LockAsync(db, signer, cancellation) is not { } device)
        {
            return Problem.NotFound(DeviceChanges.NotFound);
        }

        var refused = SignedDevices.Refuse(device, signer);
        var delivered = refused is null && await TakeDeliveryAsync(db, device.Id, now, cancellation);
        var redelivered = refused is null && !delivered && options.Value.RedeliverToActive && !signer.Legacy && device.Status == DeviceStatus.Active;
        if (!delivered && !redelivered)
        {
            refused ??= await WhyNotAsync(db, device.Id, cancellation);
            // With the signature, which is spent: it asked, and was answered.
            await transaction.CommitAsync(cancellation);
            return refused;
        }

        var secret = redelivered ? await Rotation.RotateAsync(db, device, TimeSpan.Zero, now, cancellation) : Credential.MakeSecret();
        if (delivered)
        {
            db.Add(Credential.For(device, device.TenantId!.Value, secret));
        }

        var audit = SignedDevices.Audit(
            device.Id, device.TenantId, caller, now, delivered ? "device.secret_delivered" : "device.secret_redelivered", "deliver");
        db.Publish(delivered ? audit : audit with { Severity = "warning" }, device.Id.ToString());
        await db.SaveChangesAsync(cancellation);
        var until = delivered ? await DeliveryUntilAsync(db, device.Id, cancellation) : now + options.Value.DeliveryWindow;
        await transaction.CommitAsync(cancellation);
        logins.Forget(device.Id);
        return SecretAnswer.Of(device, secret, until, mqtt.Value);
    }

    // One statement decides: of any number at once, exactly one finds it undelivered.
    private static async Task<bool> TakeDeliveryAsync(DevicesDb db, Guid device, DateTimeOffset now, CancellationToken cancellation) =>
        await db.Database.ExecuteSqlAsync(
            $"UPDATE registry SET delivered_at = {now} WHERE device_id = {device} AND delivered_at IS NULL AND delivery_until > {now}", cancellation) == 1;

    private static async Task<ProblemResult> WhyNotAsync(DevicesDb db, Guid device, CancellationToken cancellation) =>
        await db.Database.SqlQuery<bool>(
            $"SELECT delivered_at IS NULL AND delivery_until IS NOT NULL AS \"Value\" FROM registry WHERE device_id = {device}").SingleAsync(cancellation)
            ? Problem.Conflict("The time for fetching the secret has expired: reset the device and claim it again")
            : Problem.Conflict("The secret was already delivered");

    private static Task<DateTimeOffset> DeliveryUntilAsync(DevicesDb db, Guid device, CancellationToken cancellation) =>
        db.Database.SqlQuery<DateTimeOffset>($"SELECT delivery_until AS \"Value\" FROM registry WHERE device_id = {device}").SingleAsync(cancellation);
}

/// <summary>All that the device needs to connect.</summary>
/// <param name="DeviceSecret">
/// Its MQTT password, 64 hex characters; told this once. <example>8f1c7a52d0e94b36a1f3c5d7e90b2468acde13579bdf02468ace13579bdf0246</example>
/// </param>
/// <param name="ExpiresAt">Until when the secret could be fetched; it does not end then.</param>
/// <param name="MqttUsername">Its MQTT user name: the device id. <example>019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70</example></param>
/// <param name="Broker">Where to connect, over WebSocket. <example>wss://mqtt.example.com:8084/mqtt</example></param>
/// <param name="TopicPrefix">
/// Readings go to <c>{topic_prefix}/slot/{n}</c>, n from 0 to 32767.
/// <example>tenants/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70/devices/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70/telemetry</example>
/// </param>
public sealed record SecretAnswer(string DeviceSecret, DateTimeOffset ExpiresAt, string MqttUsername, string Broker, string TopicPrefix)
{
    internal static FirmwareAnswer<SecretAnswer> Of(Device device, string secret, DateTimeOffset until, MqttOptions mqtt) => new(new SecretAnswer(
        secret,
        until.AddTicks(-(until.Ticks % TimeSpan.TicksPerSecond)),
        device.Id.ToString(),
        mqtt.WebSocketUrl,
        $"{Topics.Of(device.TenantId!.Value, device.Id)}/telemetry"));
}
