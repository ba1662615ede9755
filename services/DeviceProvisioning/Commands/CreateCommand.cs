using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>Tells a device to do something: at once when it is there, else when it comes back before the command expires.</summary>
public static class CreateCommand
{
    private const int MaxOpen = 100;
    private const int DefaultSeconds = 3600;

    // One of the open ones has to be answered or to expire; nobody knows when.
    private const int RetryAfterSeconds = 60;

    public static async Task<Results<Created<CommandView>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, CreateCommandRequest request, Caller caller, TenantScope tenant, DevicesDb db, TimeProvider clock,
        CancellationToken cancellation)
    {
        var payload = request.Payload is { } given ? CommandJson.Text(given) : null;
        if (request.Payload is not null && (payload is null || CommandJson.BytesOf(payload) > CommandJson.MaxBytes))
        {
            return Problem.BadRequest("payload", $"Must be JSON of at most {CommandJson.MaxBytes / 1024} KiB");
        }

        await using var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
        // Locked, so that the limit holds and a suspension comes before or after.
        if (await db.LockDeviceAsync(tenant.Id, deviceId, cancellation) is not { } device)
        {
            return Problem.NotFound(DeviceChanges.NotFound);
        }

        if (device.Status is not (DeviceStatus.Claimed or DeviceStatus.Active))
        {
            return Problem.Conflict($"The device is {device.Status.ToString().ToLowerInvariant()} and may not connect");
        }

        var open = await db.Commands.CountAsync(
            c => c.TenantId == tenant.Id && c.DeviceId == deviceId && (c.State == CommandState.Queued || c.State == CommandState.Sent), cancellation);
        if (open >= MaxOpen)
        {
            return Problem.RateLimited(
                "Too many commands of this device are open", new LimitDetails("open_commands", MaxOpen, open, 0), RetryAfterSeconds);
        }

        // As the database keeps it, so that the answer to this call and to those that follow are the same.
        var now = new DateTimeOffset(clock.GetUtcNow().Ticks / 10 * 10, TimeSpan.Zero);
        var command = new Command
        {
            Id = Guid.CreateVersion7(now),
            TenantId = tenant.Id,
            DeviceId = deviceId,
            Name = request.Name,
            Payload = payload,
            State = CommandState.Queued,
            CreatedBy = caller.Id,
            CreatedAt = now,
            ExpiresAt = now.AddSeconds(request.ExpiresInSeconds ?? DefaultSeconds),
        };
        db.Add(command);
        db.Publish(
            caller.Audit(clock, "device.command_created", "create", metadata: new { command_id = command.Id, name = command.Name })
                .On(deviceId, tenant.Id),
            deviceId.ToString());
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Created((string?)null, CommandView.Of(command));
    }
}

/// <summary>What to do.</summary>
/// <param name="Name">
/// The command, which is the last part of its topic: 1 to 64 letters, digits, <c>_</c> and <c>-</c>. <example>open-valve</example>
/// </param>
/// <param name="Payload">Whatever else the device needs to know: any JSON of at most 64 KiB. <example>{"percent": 40}</example></param>
/// <param name="ExpiresInSeconds">How long it waits for a device that is away; at most 7 days. <example>3600</example></param>
public sealed record CreateCommandRequest(
    [property: Required(ErrorMessage = "Is needed"), RegularExpression("^[A-Za-z0-9_-]{1,64}$", ErrorMessage = "Must be 1 to 64 letters, digits, _ and -")] string Name,
    JsonElement? Payload = null,
    [property: Range(1, 604_800, ErrorMessage = "Must be from {1} to {2}")] int? ExpiresInSeconds = null);
