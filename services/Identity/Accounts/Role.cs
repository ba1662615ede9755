using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Identity.Accounts;

/// <summary>What a user is, and by that what it may do.</summary>
public enum Role
{
    /// <summary>The operator; belongs to no tenant.</summary>
    SuperAdmin,

    /// <summary>Runs one tenant.</summary>
    TenantAdmin,

    /// <summary>Works in one tenant.</summary>
    TenantUser,
}

internal static class RolePermissions
{
    private static readonly string[] User =
    [
        Permissions.DevicesRead, Permissions.DevicesWrite, Permissions.DevicesProvision, Permissions.TelemetryRead, Permissions.TelemetryWrite,
    ];

    private static readonly string[] Admin =
    [
        .. User, Permissions.DevicesDelete, Permissions.UsersRead, Permissions.UsersWrite, Permissions.UsersDelete, Permissions.TenantsRead,
        Permissions.AuditRead,
    ];

    private static readonly string[] All = [.. Admin, Permissions.TenantsWrite, Permissions.DevicesManufacture, Permissions.SystemAdmin];

    /// <summary>The permissions of contract.md §1 for a role.</summary>
    public static string[] Permitted(this Role role) => role switch
    {
        Role.SuperAdmin => All,
        Role.TenantAdmin => Admin,
        _ => User,
    };
}
