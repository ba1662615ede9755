using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Npgsql;

namespace EasySmart.Hosting;

/// <summary>Routes that only tests have, to see how a service's own pipeline answers what its own routes rarely do.</summary>
internal sealed class ProbeEndpoints : IStartupFilter
{
    public const string Body = "/__probe/body";
    public const string Bug = "/__probe/bug";
    public const string Outage = "/__probe/outage";

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        next(app);
        // WebApplication keeps its route builder here; after next() it is filled.
        var routes = (IEndpointRouteBuilder)app.Properties["__GlobalEndpointRouteBuilder"]!;
        routes.MapPost(Body, (ProbeBody body) => TypedResults.Ok(body)).ExcludeFromDescription();
        routes.MapGet(Bug, IResult () => throw new InvalidOperationException("SELECT secret FROM somewhere")).ExcludeFromDescription();
        routes.MapGet(Outage, IResult () => throw new NpgsqlException("db.internal is away", new IOException())).ExcludeFromDescription();
    };
}

/// <summary>A body with a field of every kind that clients get wrong.</summary>
public sealed record ProbeBody(string DeviceLabel, int Count, Guid Id, DateTimeOffset At);
