namespace EasySmart.ServiceDefaults.Auth;

/// <summary>The permissions of contract.md §1, as tokens and policies spell them.</summary>
public static class Permissions
{
    /// <summary>See the tenant's devices.</summary>
    public const string DevicesRead = "devices:read";

    /// <summary>Change devices and send them commands.</summary>
    public const string DevicesWrite = "devices:write";

    /// <summary>Provision, claim and reset devices.</summary>
    public const string DevicesProvision = "devices:provision";

    /// <summary>Delete devices.</summary>
    public const string DevicesDelete = "devices:delete";

    /// <summary>Read values.</summary>
    public const string TelemetryRead = "telemetry:read";

    /// <summary>Send values over HTTP.</summary>
    public const string TelemetryWrite = "telemetry:write";

    /// <summary>See the tenant's users.</summary>
    public const string UsersRead = "users:read";

    /// <summary>Invite and change users.</summary>
    public const string UsersWrite = "users:write";

    /// <summary>Delete users.</summary>
    public const string UsersDelete = "users:delete";

    /// <summary>See tenants.</summary>
    public const string TenantsRead = "tenants:read";

    /// <summary>Change tenants.</summary>
    public const string TenantsWrite = "tenants:write";

    /// <summary>Read the audit log.</summary>
    public const string AuditRead = "audit:read";

    /// <summary>Import manufactured devices.</summary>
    public const string DevicesManufacture = "devices:manufacture";

    /// <summary>The operator's own; passes every check.</summary>
    public const string SystemAdmin = "system:admin";
}
