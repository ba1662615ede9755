using System.Security.Claims;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;

namespace EasySmart.Hosting;

/// <summary>
/// One service in this process, as it runs in production: Kestrel on a free loopback port, real HTTP, real servers. A test project
/// derives one host that sets its database and settings, and shares it between its tests; each test makes a tenant of its own.
/// </summary>
/// <typeparam name="TProgram">The service's entry point.</typeparam>
/// <param name="service">The service's resource name.</param>
public abstract class ServiceHost<TProgram>(string service) : WebApplicationFactory<TProgram>, IServiceHost, IAsyncLifetime where TProgram : class
{
    private static readonly string Key = Convert.ToBase64String(new byte[32]);
    private readonly InternalIdentity _gateway = new(new InternalIdentityOptions { Key = Key }, TimeProvider.System);

    /// <summary>Every setting the service needs; a test of start-up may take one away.</summary>
    public Dictionary<string, string?> Settings { get; } = new() { ["InternalIdentity:Key"] = Key };

    /// <inheritdoc/>
    public string Service => service;

    /// <summary>Where the service listens.</summary>
    public Uri Address => ClientOptions.BaseAddress;

    /// <summary>Makes databases and fills <see cref="Settings"/>.</summary>
    protected abstract Task PrepareAsync();

    /// <summary>Waits for what the service does after it listens, where tests need that done.</summary>
    protected virtual Task StartedAsync() => Task.CompletedTask;

    /// <summary>Removes what <see cref="PrepareAsync"/> made.</summary>
    protected virtual Task CleanUpAsync() => Task.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        await PrepareAsync();
        // Not UseKestrel(0): the factory would set the port on a server that the program may have started already.
        UseKestrel();
        StartServer();
        await StartedAsync();
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await CleanUpAsync();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    public HttpClient Anonymous() => With(_gateway.Sign(service, CallerKind.Anonymous, []));

    /// <inheritdoc/>
    public HttpClient Direct() => CreateClient();

    /// <inheritdoc/>
    public HttpClient As(Guid? tenant, Guid? user = null, string role = "tenant_admin", string email = "user@example.com", params string[] permissions)
    {
        List<Claim> claims = [new("sub", (user ?? Guid.CreateVersion7()).ToString()), new("role", role), new("email", email)];
        claims.AddRange(permissions.Select(permission => new Claim("permissions", permission)));
        if (tenant is { } id)
        {
            claims.Add(new Claim("tenant_id", id.ToString()));
        }

        return With(_gateway.Sign(service, CallerKind.User, claims));
    }

    /// <summary>A client that the gateway knows by this access token, which it has verified.</summary>
    public HttpClient As(string accessToken) => With(_gateway.Sign(service, CallerKind.User, new JsonWebToken(accessToken).Claims));

    /// <summary>A client that sends <paramref name="identity"/> as the internal identity, whatever it is.</summary>
    public HttpClient With(string identity)
    {
        var client = CreateClient();
        client.DefaultRequestHeaders.Add(InternalIdentity.Header, identity);
        client.DefaultRequestHeaders.Add(InternalIdentity.ClientIpHeader, "203.0.113.7");
        return client;
    }

    /// <inheritdoc/>
    protected override IHost CreateHost(IHostBuilder builder)
    {
        var awaited = new Awaited();
        builder.ConfigureServices(services => services.AddSingleton<IHostLifetime>(awaited));
        var host = builder.Build();
        var start = host.StartAsync();
        awaited.Now();
        start.GetAwaiter().GetResult();
        return host;
    }

    /// <inheritdoc/>
    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseEnvironment("Production");
        builder.UseUrls("http://127.0.0.1:0");
        foreach (var (key, value) in Settings)
        {
            builder.UseSetting(key, value);
        }

        builder.ConfigureServices(services => services.AddSingleton(ProbeEndpoints.Filter));
        builder.ConfigureLogging(logging => logging.SetMinimumLevel(LogLevel.Warning));
    }

    /// <summary>
    /// Holds the program, which runs on a thread of its own, until the factory waits for its start. One that fails disposes of itself, and
    /// a factory that came later would be told of that only, not of what was wrong.
    /// </summary>
    private sealed class Awaited : IHostLifetime
    {
        private readonly TaskCompletionSource _now = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Now() => _now.SetResult();

        public Task WaitForStartAsync(CancellationToken cancellationToken) => _now.Task.WaitAsync(cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>What the conformance suite needs to know of a host.</summary>
public interface IServiceHost
{
    /// <summary>The service's resource name.</summary>
    string Service { get; }

    /// <summary>A client whom the gateway does not know.</summary>
    HttpClient Anonymous();

    /// <summary>A client that comes past the gateway, without an internal identity.</summary>
    HttpClient Direct();

    /// <summary>A client that the gateway knows as this user.</summary>
    HttpClient As(Guid? tenant, Guid? user = null, string role = "tenant_admin", string email = "user@example.com", params string[] permissions);

    /// <summary>A client with this internal identity.</summary>
    HttpClient With(string identity);
}
