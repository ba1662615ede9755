using System.ComponentModel.DataAnnotations;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>
/// Gives a device a new secret and tells it, this once. The one that it has passes on for as long as is asked for; without an overlap it
/// is dead at once, and the session that logged in with it ends.
/// </summary>
public static class RotateCredentials
{
    public static async Task<Results<Ok<RotatedCredentials>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, RotateCredentialsRequest? request, Caller caller, TenantScope tenant, DevicesDb db,
        LoginMemory logins, IOptions<MqttOptions> mqtt, HttpResponse response, TimeProvider clock, CancellationToken cancellation)
    {
        await using var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
        if (await db.LockDeviceAsync(tenant.Id, deviceId, cancellation) is not { } device)
        {
            return Problem.NotFound(DeviceChanges.NotFound);
        }

        if (device.Status == DeviceStatus.Revoked)
        {
            return Problem.Conflict(DeviceChanges.Revoked);
        }

        var overlap = request?.OverlapSeconds ?? 0;
        var secret = await Rotation.RotateAsync(db, device, TimeSpan.FromSeconds(overlap), clock.GetUtcNow(), cancellation);
        var audit = caller.Audit(clock, "device.credentials_rotated", "rotate", metadata: new { overlap_seconds = overlap });
        db.Publish(audit.On(deviceId, tenant.Id), deviceId.ToString());
        await db.SaveChangesAsync(cancellation);
        var until = await db.Credentials.Where(c => c.DeviceId == deviceId && c.TenantId == tenant.Id && c.ValidUntil != null)
            .OrderByDescending(c => c.ValidFrom).ThenByDescending(c => c.Id).Select(c => c.ValidUntil).FirstOrDefaultAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        // With an Idempotency-Key the commit comes after this handler, and before the answer begins.
        response.OnStarting(() =>
        {
            logins.Forget(deviceId);
            return Task.CompletedTask;
        });
        return TypedResults.Ok(new RotatedCredentials(
            deviceId,
            secret,
            deviceId.ToString(),
            until,
            mqtt.Value.Broker,
            mqtt.Value.BrokerUrl,
            $"{Topics.Of(tenant.Id, deviceId)}/telemetry"));
    }
}

/// <summary>The body, which may be absent.</summary>
/// <param name="OverlapSeconds">
/// How long the secret so far passes beside the new one: 0 to 604800 (7 days). 0, or absent, ends all earlier ones at once; otherwise those
/// that are running out already keep their time, and at most eight pass in all. <example>3600</example>
/// </param>
public sealed record RotateCredentialsRequest(
    [property: Range(0, Rotation.MaxOverlapSeconds, ErrorMessage = "Must be from {1} to {2}")] int? OverlapSeconds = null);

/// <summary>The new secret, and what the device needs besides to connect.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="DeviceSecret">
/// Its MQTT password from now on, 64 hex characters; told this once.
/// <example>8f1c7a52d0e94b36a1f3c5d7e90b2468acde13579bdf02468ace13579bdf0246</example>
/// </param>
/// <param name="MqttUsername">Its MQTT user name: the device id. <example>019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70</example></param>
/// <param name="PreviousValidUntil">Until when the secret so far passes; null when it does not pass any more.</param>
/// <param name="Broker">Host and port of the MQTT broker. <example>mqtt.example.com:8883</example></param>
/// <param name="BrokerUrl">The same as a URL. <example>mqtts://mqtt.example.com:8883</example></param>
/// <param name="TopicPrefix">
/// Readings go to <c>{topic_prefix}/slot/{n}</c>, n from 0 to 32767.
/// <example>tenants/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70/devices/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70/telemetry</example>
/// </param>
public sealed record RotatedCredentials(
    Guid DeviceId,
    string DeviceSecret,
    string MqttUsername,
    DateTimeOffset? PreviousValidUntil,
    string Broker,
    string BrokerUrl,
    string TopicPrefix);
