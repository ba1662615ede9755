using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Idempotency;
using EasySmart.ServiceDefaults.OpenApi;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>What people and programs tell their tenant's devices to do.</summary>
public static class CommandsEndpoints
{
    public static void MapCommands(this IEndpointRouteBuilder app)
    {
        var commands = app.MapGroup("/devices/{device_id:guid}/commands").WithTags("Commands");
        commands.MapGet("", ListCommands.HandleAsync).RequirePermission(Permissions.DevicesRead).WithSummary("List a device's commands");
        commands.MapPost("", CreateCommand.HandleAsync).RequirePermission(Permissions.DevicesWrite).WithSummary("Tell a device to do something")
            .Fails(409, "The device may not connect").Fails(429, "100 commands of the device are open, or too many requests")
            .Idempotent<DevicesDb>();
        commands.MapGet("/{command_id:guid}", GetCommand.HandleAsync).RequirePermission(Permissions.DevicesRead).WithSummary("View a command");
    }
}
