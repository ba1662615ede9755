extern alias ingestion;

using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

[assembly: AssemblyFixture(typeof(EasySmart.TelemetryQuery.Tests.QueryHost))]

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>The service on a database with ingestion's schema, which tests fill as ingestion would.</summary>
public class QueryHost() : ServiceHost<Program>("telemetry-query")
{
    private NpgsqlDataSource? _ingestion;

    /// <summary>The schema's owner is ingestion.</summary>
    public static Migrations Migrations { get; } = new(typeof(ingestion::Program).Assembly, "ingestion");

    public TestDatabase Database { get; private set; } = null!;

    /// <summary>Ingestion's runtime role, which writes.</summary>
    public NpgsqlDataSource Ingestion => _ingestion ??= NpgsqlDataSource.Create(Database.For("ingestion_system"));

    /// <summary>A client of a tenant that may read telemetry and nothing else.</summary>
    public HttpClient Reader(Guid tenant) => As(tenant, role: "tenant_user", permissions: "telemetry:read");

    protected override async Task PrepareAsync()
    {
        Database = await TestDatabase.CreateAsync(TestServers.Telemetry, "telemetry_owner");
        await Migrations.ApplyAsync(Database.For("telemetry_owner"), CancellationToken.None);
        Settings["ConnectionStrings:Database"] = Database.For("telemetry_query");
        // Tests ask more from the readings in a minute than a plant does in a day.
        Settings["QueryLimits:HeavyShare"] = "1";
    }

    protected override async Task CleanUpAsync()
    {
        if (_ingestion is not null)
        {
            await _ingestion.DisposeAsync();
        }

        await Database.DisposeAsync();
    }
}

/// <summary>The same service with other settings.</summary>
/// <param name="settings">All of them.</param>
public sealed class ChangedHost(IEnumerable<KeyValuePair<string, string?>> settings) : ServiceHost<Program>("telemetry-query")
{
    protected override Task PrepareAsync()
    {
        Settings.Clear();
        foreach (var (key, value) in settings)
        {
            Settings[key] = value;
        }

        return Task.CompletedTask;
    }
}
