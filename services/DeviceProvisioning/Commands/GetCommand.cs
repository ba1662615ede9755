using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>One command of a device.</summary>
public static class GetCommand
{
    public static async Task<Results<Ok<CommandView>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, [FromRoute(Name = "command_id")] Guid commandId, TenantScope tenant, DevicesDb db, CancellationToken cancellation)
    {
        await using var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
        // Not of a device that the tenant has no more: nobody could tell whose it is.
        return await db.Commands.AsNoTracking()
            .Where(c => c.Id == commandId && c.DeviceId == deviceId && c.TenantId == tenant.Id)
            .Where(c => db.Devices.Any(d => d.Id == deviceId && d.TenantId == tenant.Id))
            .SingleOrDefaultAsync(cancellation) is { } command
            ? TypedResults.Ok(CommandView.Of(command))
            : Problem.NotFound("Command not found");
    }
}
