using System.Net.Http.Headers;
using EasySmart.Gateway.Tests;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;

[assembly: AssemblyFixture(typeof(GatewayHost))]

namespace EasySmart.Gateway.Tests;

/// <summary>The gateway on Kestrel, with services of its own behind it.</summary>
public sealed class GatewayHost() : ServiceHost<Program>("gateway")
{
    public const string ServiceKey = "a service key for tests, long enough";

    private TimeProvider? _clock;
    private Action<IServiceCollection> _configure = _ => { };

    /// <summary>What is behind it.</summary>
    public FakeServices Behind { get; private set; } = null!;

    /// <summary>Reads identities as a service does.</summary>
    public InternalIdentity Verifier => Services.GetRequiredService<InternalIdentity>();

    /// <summary>A gateway of a test's own, with other settings or another clock.</summary>
    public static Task<GatewayHost> StartAsync(TimeProvider? clock = null, params (string Key, string? Value)[] settings) =>
        StartAsync(_ => { }, clock, settings);

    /// <summary>The same, with services of the test's own.</summary>
    public static async Task<GatewayHost> StartAsync(
        Action<IServiceCollection> configure, TimeProvider? clock = null, params (string Key, string? Value)[] settings)
    {
        var host = new GatewayHost { _clock = clock, _configure = configure };
        foreach (var (key, value) in settings)
        {
            host.Settings[key] = value;
        }

        await host.InitializeAsync();
        return host;
    }

    /// <summary>A client with this access token, a good one if none is given.</summary>
    public HttpClient Bearer(string? token = null)
    {
        var client = CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token ?? Behind.Issuer.Token());
        return client;
    }

    protected override async Task PrepareAsync()
    {
        Behind = await FakeServices.StartAsync();
        foreach (var (key, value) in Behind.Settings)
        {
            Settings.TryAdd(key, value);
        }

        Settings.TryAdd("Internal:ServiceKey", ServiceKey);
        foreach (var limit in new[] { "Auth", "Address", "FailedAuthentications", "User" })
        {
            Settings.TryAdd($"RateLimits:{limit}:PermitLimit", "1000000");
        }
    }

    protected override async Task CleanUpAsync() => await Behind.DisposeAsync();

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.ConfigureTestServices(_configure);
        if (_clock is { } clock)
        {
            builder.ConfigureTestServices(services => services.AddSingleton(clock));
        }
    }
}
