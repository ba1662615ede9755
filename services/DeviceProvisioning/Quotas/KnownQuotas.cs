using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Quotas;

/// <summary>Asks BillingQuota for the quotas of a tenant that none were told of: the event of a new one may still be on its way.</summary>
internal sealed partial class KnownQuotas(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, ReplicaOwner<TenantQuota> billing, ILogger<KnownQuotas> logger)
{
    /// <summary>Has the replica hold the tenant's quotas, unless BillingQuota is away: then the tenant has none until it is told of them.</summary>
    public async Task LearnAsync(Guid tenant, CancellationToken cancellation)
    {
        await using var known = database.CreateCommand("SELECT EXISTS (SELECT FROM tenant_quotas WHERE tenant_id = $1)");
        known.Parameters.Add(new() { Value = tenant });
        if (await known.ExecuteScalarAsync(cancellation) is true)
        {
            return;
        }

        try
        {
            await billing.TryTakeOverAsync(tenant, cancellation);
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            LogUnknown(tenant, exception.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The quotas of tenant {Tenant} are not known, and it has none meanwhile: {Reason}")]
    private partial void LogUnknown(Guid tenant, string reason);
}

internal static class KnownQuotaRoutes
{
    /// <summary>The route counts against the number of devices that its tenant may hold.</summary>
    public static TBuilder WithKnownQuota<TBuilder>(this TBuilder routes) where TBuilder : IEndpointConventionBuilder =>
        routes.AddEndpointFilter(async (context, next) =>
        {
            var http = context.HttpContext;
            await http.RequestServices.GetRequiredService<KnownQuotas>().LearnAsync(TenantScope.From(http).Id, http.RequestAborted);
            return await next(context);
        });
}
