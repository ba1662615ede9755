using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Npgsql;

namespace EasySmart.Hosting;

/// <summary>Routes that only tests have, to see how a service's own pipeline answers what its own routes rarely do.</summary>
public sealed class ProbeEndpoints : IStartupFilter
{
    /// <summary>Adds the routes when it is registered as a service.</summary>
    public static IStartupFilter Filter { get; } = new ProbeEndpoints();

    internal const string Body = "/__probe/body";
    internal const string Bug = "/__probe/bug";
    internal const string ZeroCharacter = "/__probe/zero-character";
    internal const string Outage = "/__probe/outage";

    /// <inheritdoc/>
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        next(app);
        // UseRouting leaves the route builder here.
        var routes = (IEndpointRouteBuilder)app.Properties["__EndpointRouteBuilder"]!;
        routes.MapPost(Body, (ProbeBody body) => TypedResults.Ok(body)).ExcludeFromDescription();
        routes.MapGet(Bug, IResult () => throw new InvalidOperationException("SELECT secret FROM somewhere")).ExcludeFromDescription();
        routes.MapGet(ZeroCharacter, IResult () => throw new PostgresException("invalid byte sequence", "ERROR", "ERROR", "22021")).ExcludeFromDescription();
        routes.MapGet(Outage, IResult () => throw new NpgsqlException("db.internal is away", new IOException())).ExcludeFromDescription();
    };
}

/// <summary>A body with a field of every kind that clients get wrong.</summary>
public sealed record ProbeBody(string DeviceLabel, int Count, Guid Id, DateTimeOffset At);
