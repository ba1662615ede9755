using System.ComponentModel.DataAnnotations;
using System.Text;
using System.Text.Json;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>Changes what the tenant calls a device and notes about it; what is absent stays.</summary>
public static class UpdateDevice
{
    public static async Task<Results<Ok<DeviceView>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, UpdateDeviceRequest request, Caller caller, TenantScope tenant, DevicesDb db, LoginMemory logins,
        TimeProvider clock, CancellationToken cancellation)
    {
        await using var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
        if (await db.LockDeviceAsync(tenant.Id, deviceId, cancellation) is not { } device)
        {
            return Problem.NotFound(DeviceChanges.NotFound);
        }

        var (before, after) = (new Dictionary<string, object?>(), new Dictionary<string, object?>());
        Apply(request, device, before, after);
        var renamed = after.ContainsKey("device_label");
        try
        {
            await SaveAsync();
        }
        catch (DbUpdateException exception) when (exception.ViolatedConstraint() == "devices_device_label_key")
        {
            return Problem.Conflict("device_label already exists");
        }
        catch (DbUpdateException exception) when (exception.InnerException is PostgresException { SqlState: ['2', '2', ..] })
        {
            // JSON that jsonb does not take: \u0000, half a surrogate pair, a number out of all bounds.
            return Problem.BadRequest("metadata", "Holds a text or a number that cannot be stored");
        }

        var view = await db.ViewAsync(tenant.Id, deviceId, clock, cancellation);
        await transaction.CommitAsync(cancellation);
        if (renamed)
        {
            logins.Forget(deviceId);
        }

        return TypedResults.Ok(view!);

        async Task SaveAsync()
        {
            if (after.Count == 0)
            {
                return;
            }

            var audit = caller.Audit(clock, "device.updated", "update", metadata: new { before, after }).On(deviceId, tenant.Id);
            if (renamed)
            {
                await db.SaveChangedAsync(device, audit, cancellation);
                return;
            }

            // Nobody else keeps tags and metadata.
            db.Publish(audit, deviceId.ToString());
            await db.SaveChangesAsync(cancellation);
        }
    }

    private static void Apply(UpdateDeviceRequest request, Device device, Dictionary<string, object?> before, Dictionary<string, object?> after)
    {
        if (request.DeviceLabel is { } label && label != device.DeviceLabel)
        {
            (before["device_label"], after["device_label"]) = (device.DeviceLabel, label);
            device.DeviceLabel = label;
        }

        if (request.Tags is { } tags && !tags.SequenceEqual(device.Tags, StringComparer.Ordinal))
        {
            (before["tags"], after["tags"]) = (device.Tags, tags);
            device.Tags = tags;
        }

        using var known = JsonDocument.Parse(device.Metadata);
        if (request.Metadata is { } metadata && !AreEqual(metadata, known.RootElement))
        {
            // What a tenant notes may be anybody's name or number: the audit keeps what was noted about, not what.
            (before["metadata"], after["metadata"]) = (Names(known.RootElement), Names(metadata));
            device.Metadata = metadata.GetRawText();
        }

        // A text with half a surrogate pair is equal to nothing, and the database refuses it.
        static bool AreEqual(JsonElement one, JsonElement other)
        {
            try
            {
                return JsonElement.DeepEquals(one, other);
            }
            catch (InvalidOperationException)
            {
                return false;
            }
        }

        static string[] Names(JsonElement json) => [.. json.EnumerateObject().Select(property => property.Name)];
    }
}

/// <summary>What to change; what is absent stays.</summary>
/// <param name="DeviceLabel">
/// 1 to 50 characters without control characters, <c>+</c>, <c>#</c> or <c>/</c>. A device that logs in with its label must learn the new
/// one. <example>pump-7</example>
/// </param>
/// <param name="Metadata">A JSON object of at most 4 KiB, in the place of the one that is there. <example>{"line": 3}</example></param>
/// <param name="Tags">
/// At most 20, each of 1 to 32 characters without control characters and commas, none twice; in the place of those that are there.
/// <example>["hall-3"]</example>
/// </param>
public sealed record UpdateDeviceRequest(
    [property: DeviceLabel] string? DeviceLabel = null, [property: DeviceMetadata] JsonElement? Metadata = null, [property: DeviceTags] string[]? Tags = null);

/// <summary>A JSON object of a bounded size.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DeviceMetadataAttribute : ValidationAttribute
{
    private const int MaxBytes = 4096;

    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) => value switch
    {
        null => ValidationResult.Success,
        JsonElement { ValueKind: JsonValueKind.Object } json when Encoding.UTF8.GetByteCount(json.GetRawText()) <= MaxBytes => ValidationResult.Success,
        JsonElement { ValueKind: JsonValueKind.Object } => new ValidationResult($"At most {MaxBytes} bytes", [validationContext.MemberName!]),
        _ => new ValidationResult("Must be a JSON object", [validationContext.MemberName!]),
    };
}
