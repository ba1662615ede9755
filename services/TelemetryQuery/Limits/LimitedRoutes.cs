using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.TelemetryQuery.Limits;

/// <summary>Metadata of a route that counts against its tenant's limits.</summary>
internal sealed record Limited(QueryKind Kind);

internal static class LimitedRoutes
{
    /// <summary>
    /// The route counts against <see cref="QueryLimits"/> of the tenant that is asked about (a super-admin's queries are that tenant's too), until
    /// its answer has been sent; 429 when there is no place.
    /// </summary>
    public static TBuilder Limited<TBuilder>(this TBuilder builder, QueryKind kind) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new Limited(kind)).AddEndpointFilter<TBuilder>(async (context, next) =>
        {
            var http = context.HttpContext;
            var limits = http.RequestServices.GetRequiredService<QueryLimits>();
            var (place, refusal) = await limits.EnterAsync(kind, TenantScope.From(http).Id, http.RequestAborted);
            if (place is null)
            {
                return refusal;
            }

            // Not with `using`: what a handler returns is only written after this.
            http.Response.RegisterForDispose(place);
            return await next(context);
        });
}
