using System.Collections.Concurrent;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.TelemetryQuery.Limits;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>The service with small limits, and routes of each kind that a test holds open.</summary>
public sealed class LimitedHost : ServiceHost<Program>, IStartupFilter
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _gates = new();

    private LimitedHost()
        : base("telemetry-query")
    {
    }

    public static async Task<LimitedHost> StartAsync(QueryHost shared, params (string Key, string Value)[] limits)
    {
        var host = new LimitedHost();
        foreach (var (key, value) in shared.Settings)
        {
            host.Settings[key] = value;
        }

        foreach (var (key, value) in limits)
        {
            host.Settings[$"QueryLimits:{key}"] = value;
        }

        await host.InitializeAsync();
        return host;
    }

    /// <summary>A client of a tenant that may read telemetry and nothing else.</summary>
    public HttpClient Reader(Guid tenant) => As(tenant, role: "tenant_user", permissions: "telemetry:read");

    /// <summary>Lets every call of this tenant end, those to come too.</summary>
    public void Open(Guid tenant) => GateOf(tenant).TrySetResult();

    /// <inheritdoc/>
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        next(app);
        var routes = ((IEndpointRouteBuilder)app.Properties["__EndpointRouteBuilder"]!).MapGroup("").ExcludeFromDescription();
        foreach (var kind in Enum.GetValues<QueryKind>())
        {
            routes.MapGet($"/__held/{kind}", async (TenantScope tenant, CancellationToken cancellation) =>
            {
                await GateOf(tenant.Id).Task.WaitAsync(cancellation);
                return TypedResults.Ok("done");
            }).Limited(kind);
        }

        // Answers at once, and goes on answering.
        routes.MapGet("/__held/file", (TenantScope tenant) => TypedResults.Stream(async body =>
        {
            await body.WriteAsync("begun"u8.ToArray());
            await body.FlushAsync();
            await GateOf(tenant.Id).Task;
        })).Limited(QueryKind.Export);
        routes.MapGet("/__sleep/{mark}", async (string mark, NpgsqlDataSource database, CancellationToken cancellation) =>
        {
            await using var command = database.CreateCommand($"SELECT pg_sleep(120) /* {mark} */");
            await command.ExecuteNonQueryAsync(cancellation);
            return TypedResults.Ok("slept");
        }).Limited(QueryKind.Query);
    };

    protected override Task PrepareAsync() => Task.CompletedTask;

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.ConfigureTestServices(services => services.AddSingleton<IStartupFilter>(this));
    }

    private TaskCompletionSource GateOf(Guid tenant) =>
        _gates.GetOrAdd(tenant.ToString(), _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
}
