namespace EasySmart.Gateway;

/// <summary>
/// What the gateway lets through, and to whom. What is not in here (a service's <c>/internal</c>, <c>/metrics</c>, …) cannot be reached.
/// </summary>
internal static class Routes
{
    /// <summary>The prefix of every route outside; services know nothing of it.</summary>
    internal const string Prefix = "/api/v1";

    // A more specific path wins over a {**rest}, whatever the order here.
    internal static readonly Route[] All =
    [
        Route.Open("POST", "/auth/register", Services.Identity),
        Route.Open("POST", "/auth/login", Services.Identity),
        Route.Open("POST", "/auth/refresh", Services.Identity),
        Route.Open("POST", "/auth/invitations/accept", Services.Identity),
        Route.Open("POST", "/auth/password/reset", Services.Identity),
        new("/auth/{**rest}", Services.Identity),
        new("/admins/{**rest}", Services.Identity),
        new("/users/{**rest}", Services.Identity),
        new("/api-keys/{**rest}", Services.Identity),
        new("/audit/{**rest}", Services.Identity),

        new("/tenants/{**rest}", Services.Identity),
        new("/tenants/{tenant_id}/quotas", Services.BillingQuota),
        new("/tenants/{tenant_id}/usage", Services.BillingQuota),
        new("/tenants/{tenant_id}/snapshots", Services.BillingQuota),
        new("/tenants/me/limits", Services.BillingQuota),
        new("/plans/{**rest}", Services.BillingQuota),

        Route.Open("POST", "/devices/bootstrap", Services.DeviceProvisioning) with { IsForFirmware = true },
        Route.Open("POST", "/devices/secret", Services.DeviceProvisioning) with { IsForFirmware = true },
        Route.Open("POST", "/devices/credentials/rotate", Services.DeviceProvisioning) with { IsForFirmware = true },
        new("/devices/import", Services.DeviceProvisioning) { MaxBodyBytes = 64 << 20 },
        new("/devices/{**rest}", Services.DeviceProvisioning),
        new("/devices/{device_id}/limits", Services.Ingestion),

        new("/telemetry", Services.Ingestion),
        new("/telemetry/batch", Services.Ingestion) { MaxBodyBytes = 16 << 20 },
        new("/telemetry/rejections", Services.Ingestion),
        new("/telemetry/stream/tickets", Services.Identity),
        new("/telemetry/stream", Services.TelemetryQuery) { TakesTicket = true },
        new("/telemetry/{**rest}", Services.TelemetryQuery),
    ];
}

/// <summary>One line of the table: a path below the prefix, and the service that answers it with whatever methods it knows.</summary>
/// <param name="Path">An ASP.NET Core route pattern.</param>
/// <param name="Service">The service's resource name.</param>
internal sealed record Route(string Path, string Service)
{
    /// <summary>The one method of a route that needs no token; null where a token is needed.</summary>
    public string? OpenTo { get; private init; }

    /// <summary>Bytes that a body may have, where the usual mebibyte does not do; the service has to take as many.</summary>
    public long? MaxBodyBytes { get; init; }

    /// <summary>Whether firmware calls it, whose buffer of 1,024 bytes has to hold the whole answer: nothing goes with it that only browsers read.</summary>
    public bool IsForFirmware { get; init; }

    /// <summary>Whether <c>?ticket=</c> stands for a credential when one reads it.</summary>
    public bool TakesTicket { get; init; }

    /// <summary>
    /// A route that people and devices use before they are known. Its method is named here, because a service tells a stranger nothing,
    /// not even which methods there are.
    /// </summary>
    internal static Route Open(string method, string path, string service) => new(path, service) { OpenTo = method };
}
