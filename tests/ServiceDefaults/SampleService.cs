using EasySmart.Contracts.Identity;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Idempotency;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

[assembly: AssemblyFixture(typeof(EasySmart.ServiceDefaults.Tests.SampleService))]

namespace EasySmart.ServiceDefaults.Tests;

/// <summary>The least service that uses everything, on the real servers. Its RabbitMQ can be cut off.</summary>
public sealed class SampleService : IServiceHost, IAsyncLifetime
{
    private static readonly string Key = Convert.ToBase64String(new byte[32]);
    private readonly InternalIdentity _gateway = new(new InternalIdentityOptions { Key = Key }, TimeProvider.System);
    private readonly Uri _rabbit = new(TestServers.RabbitMq("test-defaults"));

    public static Migrations Migrations { get; } = new(typeof(SampleService).Assembly, "notifier");

    public string Service => "sample";

    public TestDatabase Database { get; private set; } = null!;

    public TcpProxy Rabbit { get; private set; } = null!;

    public WebApplication App { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await TestDatabase.CreateAsync(TestServers.Platform, "notifier_owner");
        await Migrations.ApplyAsync(Database.For("notifier_owner"), CancellationToken.None);
        Rabbit = new TcpProxy(_rabbit.Host, _rabbit.Port);
        App = Build();
        await App.StartAsync();
        // What is published before the queue is there, the broker keeps for nobody.
        await App.Services.GetRequiredService<IBusControl>().WaitForHealthStatus(BusHealthStatus.Healthy, TimeSpan.FromMinutes(1));
    }

    /// <summary>The shared instance, or with a <paramref name="change"/> of settings another, whose RabbitMQ is nowhere: it must not take the
    /// shared one's events from the queue.</summary>
    public WebApplication Build(Action<Dictionary<string, string?>>? change = null)
    {
        var settings = new Dictionary<string, string?>
        {
            ["InternalIdentity:Key"] = Key,
            ["Idempotency:Key"] = Key,
            ["ConnectionStrings:Database"] = Database.For("notifier_app"),
            ["ConnectionStrings:DatabaseSystem"] = Database.For("notifier_system"),
            ["ConnectionStrings:RabbitMq"] = change is null ? new UriBuilder(_rabbit) { Port = Rabbit.Port }.Uri.AbsoluteUri : "amqp://127.0.0.1:1",
        };
        change?.Invoke(settings);
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        foreach (var (key, value) in settings)
        {
            builder.Configuration[key] = value;
        }

        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults(Service);
        builder.AddPostgres(Migrations);
        builder.AddPostgresContext<NotesDb>();
        builder.AddIdempotency();
        builder.AddMessaging(on => on.On<TenantCreated, RecordEffect>());
        builder.Services.AddSingleton(ProbeEndpoints.Filter);
        var app = builder.Build();
        app.UseServiceDefaults();
        app.MapNotes();
        return app;
    }

    public HttpClient Direct() => new() { BaseAddress = new Uri(App.Urls.First()) };

    public HttpClient Anonymous() => With(_gateway.Sign(Service, CallerKind.Anonymous, []));

    public HttpClient As(Guid? tenant, Guid? user = null, string role = "tenant_admin", string email = "user@example.com", params string[] permissions) =>
        With(_gateway.Sign(Service, CallerKind.User, [new("sub", Guid.NewGuid().ToString()), new("tenant_id", tenant.ToString()!)]));

    public HttpClient With(string identity)
    {
        var client = Direct();
        client.DefaultRequestHeaders.Add(InternalIdentity.Header, identity);
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        Rabbit.Mend();
        await App.DisposeAsync();
        await Rabbit.DisposeAsync();
        await Database.DisposeAsync();
    }
}

public sealed class NotesDb(DbContextOptions<NotesDb> options) : DbContext(options)
{
    public DbSet<Note> Notes => Set<Note>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.AddOutbox();
}

public sealed record Note(Guid Id, Guid TenantId, string Text);

/// <summary>Leaves one row for each time that an event takes effect.</summary>
internal sealed class RecordEffect : IEventHandler<TenantCreated>
{
    private static readonly TaskCompletionSource Held = new(), Release = new();

    /// <summary>The event that asks to be held is being handled; it fails once <see cref="LetGo"/> is called.</summary>
    public static Task Holding => Held.Task;

    public static void LetGo() => Release.TrySetResult();

    public async Task HandleAsync(TenantCreated @event, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        if (@event.RequestId == "held")
        {
            Held.TrySetResult();
            await Release.Task;
        }

        if (@event.RequestId is "poison" or "held")
        {
            throw new InvalidOperationException("This one can never be handled");
        }

        await using var command = new NpgsqlCommand("INSERT INTO effects VALUES ($1)", transaction.Connection, transaction);
        command.Parameters.Add(new() { Value = @event.EventId });
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
