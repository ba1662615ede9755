using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Identity.Auditing;

/// <summary>What was recorded, for those who may read it.</summary>
internal static class AuditEndpoints
{
    public static void MapAudit(this IEndpointRouteBuilder routes)
    {
        var audit = routes.MapGroup("/audit").RequirePermission(Permissions.AuditRead).WithTags("Audit");
        audit.MapGet("", ListAudit.HandleAsync).WithName("ListAudit");
        audit.MapGet("/export", ExportAudit.HandleAsync).WithName("ExportAudit").Produces<string>(200, "text/csv");
        audit.MapGet("/heads", GetHeads.HandleAsync).WithName("GetAuditHeads");
    }

    /// <summary>What stores, reads, verifies and publishes.</summary>
    public static void AddAudit(this IHostApplicationBuilder builder) =>
        builder.Services.AddSingleton<AuditLog>().AddSingleton<ChainWalk>().AddHostedService<PublishHeads>();
}
