using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EasySmart.ServiceDefaults.Postgres;

/// <summary>
/// The service's database under two roles. The plain <see cref="NpgsqlDataSource"/> is for callers: row-level security shows it the
/// tenant of the transaction and nothing else. Work without a caller (consumers, jobs, login, hooks) asks by name for
/// <see cref="System"/>, whose role bypasses row-level security.
/// </summary>
public static class DataSources
{
    /// <summary>Key of the data source for work without a caller: <c>[FromKeyedServices(DataSources.System)]</c>.</summary>
    public const string System = "system";

    /// <summary>
    /// Adds <c>ConnectionStrings:Database</c> and, unless <paramref name="callersOnly"/>, <c>ConnectionStrings:DatabaseSystem</c>, the
    /// readiness check <c>database</c>, and the wait at start for the database, its migrations and safe roles.
    /// </summary>
    /// <param name="builder">The application.</param>
    /// <param name="migrations">The migrations that must have been applied; null for a service that only reads another's database.</param>
    /// <param name="callersOnly">True where nothing ever works without a caller.</param>
    /// <param name="connect">What a service's connections have of their own.</param>
    public static void AddPostgres(
        this IHostApplicationBuilder builder,
        Migrations? migrations,
        bool callersOnly = false,
        Action<IServiceProvider, NpgsqlConnectionStringBuilder>? connect = null)
    {
        builder.Services.AddSingleton(services => Create(services, "Database", connect));
        if (!callersOnly)
        {
            builder.Services.AddKeyedSingleton(System, (services, _) => Create(services, "DatabaseSystem", connect));
        }

        builder.Services.AddSingleton(services => new DatabaseGate(
            services.GetRequiredService<NpgsqlDataSource>(),
            services.GetKeyedService<NpgsqlDataSource>(System),
            migrations,
            services.GetRequiredService<ILogger<DatabaseGate>>()));
        builder.Services.AddHostedService(services => services.GetRequiredService<DatabaseGate>());
        builder.Services.AddHealthChecks().Add(new HealthCheckRegistration(
            "database",
            services => new DatabaseHealth(services.GetRequiredService<NpgsqlDataSource>()),
            HealthStatus.Unhealthy,
            tags: null,
            timeout: TimeSpan.FromSeconds(3)));
    }

    /// <summary>
    /// Adds an EF Core context on the callers' role, and as <see cref="SystemContext{TContext}"/> the same context on the system role.
    /// </summary>
    public static void AddPostgresContext<TContext>(this IHostApplicationBuilder builder) where TContext : DbContext
    {
        builder.Services.AddDbContext<TContext>((services, options) => Use(options, services.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddScoped(services =>
        {
            var options = new DbContextOptionsBuilder<TContext>().UseApplicationServiceProvider(services);
            Use(options, services.GetRequiredKeyedService<NpgsqlDataSource>(System));
            return new SystemContext<TContext>(ActivatorUtilities.CreateInstance<TContext>(services, options.Options));
        });
    }

    private static void Use(DbContextOptionsBuilder options, NpgsqlDataSource source) =>
        options.UseNpgsql(source).UseSnakeCaseNamingConvention();

    private static NpgsqlDataSource Create(
        IServiceProvider services, string name, Action<IServiceProvider, NpgsqlConnectionStringBuilder>? connect)
    {
        var text = services.GetRequiredService<IConfiguration>().GetConnectionString(name);
        var connection = new NpgsqlConnectionStringBuilder(string.IsNullOrEmpty(text)
            ? throw new InvalidOperationException($"ConnectionStrings:{name} is not configured")
            : text)
        {
            ApplicationName = services.GetRequiredService<ServiceName>().Value,
        };
        if (!connection.ContainsKey("Maximum Pool Size"))
        {
            // Six services with two pools each share one server's 200 connections.
            connection.MaxPoolSize = 20;
        }

        connect?.Invoke(services, connection);
        var builder = new NpgsqlDataSourceBuilder(connection.ConnectionString) { Name = $"{connection.Database}/{connection.Username}" };
        builder.UseLoggerFactory(services.GetRequiredService<ILoggerFactory>());
        return builder.Build();
    }

    private sealed class DatabaseHealth(NpgsqlDataSource source) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            await using var command = source.CreateCommand("SELECT 1");
            await command.ExecuteScalarAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
    }
}

/// <summary>A context on the system role, for work without a caller.</summary>
/// <param name="Value">The context; disposed with the scope.</param>
public sealed record SystemContext<TContext>(TContext Value) : IAsyncDisposable, IDisposable where TContext : DbContext
{
    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Value.DisposeAsync();

    /// <inheritdoc/>
    public void Dispose() => Value.Dispose();
}
