using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Health;
using EasySmart.ServiceDefaults.OpenApi;
using EasySmart.ServiceDefaults.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace EasySmart.ServiceDefaults;

/// <summary>What every service of the fleet needs, in two lines of its <c>Program.cs</c>.</summary>
public static class ServiceDefaultsExtensions
{
    private const long MaxBodyBytes = 1 << 20;

    /// <summary>Adds the error envelope, JSON rules, internal identity, health, metrics and traces, limits and OpenAPI.</summary>
    /// <param name="builder">The application.</param>
    /// <param name="service">The service's resource name, kebab-case.</param>
    public static void AddServiceDefaults(this WebApplicationBuilder builder, string service)
    {
        Add(builder, service, atTheEdge: false);
        ApiDocument.Add(builder.Services, service);
        AuthExtensions.TrustInternalIdentity(builder);
    }

    /// <summary>
    /// The same without what only stands behind the gateway: it can sign internal identities and trusts none, and brings its own
    /// authentication, authorization and API document.
    /// </summary>
    /// <param name="builder">The application.</param>
    /// <param name="service">The gateway's resource name, kebab-case.</param>
    public static void AddGatewayDefaults(this WebApplicationBuilder builder, string service) => Add(builder, service, atTheEdge: true);

    /// <summary>Adds the middleware in its order, <c>/health…</c>, <c>/metrics</c> and <c>/openapi/v1.json</c>.</summary>
    public static void UseServiceDefaults(this WebApplication app)
    {
        app.UseGatewayDefaults(_ => { });
        app.MapOpenApi().AllowAnonymous();
    }

    /// <summary>Adds the middleware in its order, <c>/health…</c> and <c>/metrics</c>.</summary>
    /// <param name="app">The application.</param>
    /// <param name="beforeRouting">Adds middleware that decides which route is meant, or answers before there is one (CORS).</param>
    public static void UseGatewayDefaults(this WebApplication app, Action<IApplicationBuilder> beforeRouting)
    {
        RequestId.Use(app);
        ErrorHandling.Use(app);
        beforeRouting(app);
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseRateLimiter();
        HealthEndpoints.Map(app);
        Observability.Map(app);
    }

    private static void Add(WebApplicationBuilder builder, string service, bool atTheEdge)
    {
        LogLevels.Add(builder.Configuration);
        builder.Services.AddSingleton(new ServiceName(service));
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.Configure<JsonOptions>(Json.Configure);
        builder.Services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
        });
        // Long enough for requests and batches in hand to finish; a supervisor waits longer before it kills.
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder.Services.AddHealthChecks();
        builder.Services.AddRateLimiter(_ => { });
        ErrorHandling.Add(builder.Services);
        AuthExtensions.AddInternalIdentity(builder);
        Observability.Add(builder, service);
        builder.Services.AddSingleton(MetricsAccess.Read(builder.Configuration, atTheEdge));
    }
}
