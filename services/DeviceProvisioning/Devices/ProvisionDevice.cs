using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.DeviceProvisioning.Quotas;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>Makes a device for the caller's tenant and tells its secret, this once.</summary>
public static class ProvisionDevice
{
    public static async Task<Results<Created<ProvisionedDevice>, ProblemResult>> HandleAsync(
        ProvisionDeviceRequest? request, Caller caller, TenantScope tenant, DevicesDb db, IOptions<MqttOptions> mqtt, TimeProvider clock,
        CancellationToken cancellation)
    {
        await using var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
        if (await DeviceQuota.ReachedAsync(db, tenant.Id, cancellation) is { } limit)
        {
            return Problem.QuotaExceeded("The plan's number of devices is reached", limit, DeviceQuota.RetryAfterSeconds);
        }

        var now = clock.GetUtcNow();
        var device = new Device
        {
            Id = Guid.CreateVersion7(),
            TenantId = tenant.Id,
            DeviceLabel = request?.DeviceLabel,
            Status = DeviceStatus.Claimed,
            OwnerUserId = Registration.OwnerOf(caller),
            CreatedAt = now,
            ClaimedAt = now,
        };
        var secret = Credential.MakeSecret();
        db.Add(device);
        db.Add(Credential.For(device, tenant.Id, secret));
        if (!await TrySaveAsync(db, device, cancellation))
        {
            return Problem.Conflict("device_label already exists");
        }

        db.Publish(device.Changed(clock.GetUtcNow(), caller.RequestId), device.Id.ToString());
        Registration.Announce(db, device, caller, "provision", clock);
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Created((string?)null, new ProvisionedDevice(
            tenant.Id,
            device.Id,
            device.DeviceLabel!,
            secret,
            device.Id.ToString(),
            mqtt.Value.Broker,
            mqtt.Value.BrokerUrl,
            $"{Topics.Of(tenant.Id, device.Id)}/telemetry"));
    }

    // The constraint decides who gets a label. EF Core goes back to its savepoint, so that after a clash of made-up labels another can be tried.
    private static async Task<bool> TrySaveAsync(DevicesDb db, Device device, CancellationToken cancellation)
    {
        var chosen = device.DeviceLabel is not null;
        while (true)
        {
            device.DeviceLabel ??= DeviceLabelAttribute.MakeUp();
            try
            {
                await db.SaveChangesAsync(cancellation);
                return true;
            }
            catch (DbUpdateException exception) when (exception.ViolatedConstraint() == "devices_device_label_key")
            {
                if (chosen)
                {
                    return false;
                }

                device.DeviceLabel = null;
            }
        }
    }
}

/// <summary>The body, which may be absent.</summary>
/// <param name="DeviceLabel">
/// 1 to 50 characters without control characters, <c>+</c>, <c>#</c> or <c>/</c>; made up when absent. <example>pump-7</example>
/// </param>
public sealed record ProvisionDeviceRequest([property: DeviceLabel] string? DeviceLabel = null);

/// <summary>Everything that the device needs to connect.</summary>
/// <param name="TenantId">The tenant that it belongs to.</param>
/// <param name="DeviceId">Its id.</param>
/// <param name="DeviceLabel">Its label. <example>pump-7</example></param>
/// <param name="DeviceSecret">
/// Its MQTT password, 64 hex characters; told this once. <example>8f1c7a52d0e94b36a1f3c5d7e90b2468acde13579bdf02468ace13579bdf0246</example>
/// </param>
/// <param name="MqttUsername">Its MQTT user name: the device id. <example>019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70</example></param>
/// <param name="Broker">Host and port of the MQTT broker. <example>mqtt.example.com:8883</example></param>
/// <param name="BrokerUrl">The same as a URL. <example>mqtts://mqtt.example.com:8883</example></param>
/// <param name="TopicPrefix">
/// Readings go to <c>{topic_prefix}/slot/{n}</c>, n from 0 to 32767.
/// <example>tenants/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70/devices/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70/telemetry</example>
/// </param>
public sealed record ProvisionedDevice(
    Guid TenantId,
    Guid DeviceId,
    string DeviceLabel,
    string DeviceSecret,
    string MqttUsername,
    string Broker,
    string BrokerUrl,
    string TopicPrefix);
