using System.ComponentModel.DataAnnotations;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>A device's commands, newest first. A command is kept for 30 days after it was answered or has expired.</summary>
public static class ListCommands
{
    private const int DefaultLimit = 100;

    /// <param name="deviceId">The device.</param>
    /// <param name="state">Only these: <c>queued</c>, <c>sent</c>, <c>acknowledged</c>, <c>failed</c> or <c>expired</c>.</param>
    /// <param name="limit">Most that one page holds; 100 when absent.</param>
    /// <param name="cursor">From the <c>Link</c> of the page before.</param>
    public static async Task<Results<Ok<List<CommandView>>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "device_id")] Guid deviceId, TenantScope tenant, DevicesDb db, HttpResponse response, string? state, [Range(1, 1000)] int? limit, Guid? cursor,
        CancellationToken cancellation)
    {
        if (!TryRead(state, out var withState))
        {
            return Problem.BadRequest("state", "Must be queued, sent, acknowledged, failed or expired");
        }

        await using var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
        if (!await db.Devices.AnyAsync(d => d.Id == deviceId && d.TenantId == tenant.Id, cancellation))
        {
            return Problem.NotFound(DeviceChanges.NotFound);
        }

        var most = limit ?? DefaultLimit;
        var own = db.Commands.AsNoTracking().Where(c => c.TenantId == tenant.Id && c.DeviceId == deviceId);
        var page = await own
            .Where(c => withState == null || c.State == withState)
            .Where(c => cursor == null || c.Number < own.Where(last => last.Id == cursor).Select(last => last.Number).Single())
            .OrderByDescending(c => c.Number)
            .Take(most + 1)
            .ToListAsync(cancellation);
        if (page.Count > most)
        {
            page.RemoveAt(most);
            response.LinkNext(page[^1].Id.ToString());
        }

        return TypedResults.Ok(page.ConvertAll(CommandView.Of));
    }

    private static bool TryRead(string? text, out CommandState? state)
    {
        state = text switch
        {
            "queued" => CommandState.Queued,
            "sent" => CommandState.Sent,
            "acknowledged" => CommandState.Acknowledged,
            "failed" => CommandState.Failed,
            "expired" => CommandState.Expired,
            _ => null,
        };
        return text is null || state is not null;
    }
}
