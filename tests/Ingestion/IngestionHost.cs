using System.Text.Json;
using EasySmart.Contracts.Ingestion;
using EasySmart.Hosting;
using EasySmart.Ingestion.Mqtt;
using EasySmart.Ingestion.Tests;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

[assembly: AssemblyFixture(typeof(IngestionHost))]

namespace EasySmart.Ingestion.Tests;

/// <summary>The service with a broker, a telemetry database and a DeviceProvisioning of its own. Shared; faults have hosts of their own.</summary>
public class IngestionHost() : ServiceHost<Program>("ingestion")
{
    /// <summary>Nobody listens there: the outbox keeps what is published.</summary>
    private const string NoRabbitMq = "amqp://nobody:nothing@127.0.0.1:1/none";

    private readonly bool _inherited;
    private NpgsqlDataSource? _asSuperuser;
    private TestDatabase? _database;

    public string Session => Settings["Mqtt:ClientId"]!;

    public TestBroker Broker { get; } = new();

    public TestOwner Owner { get; private set; } = null!;

    public TestDatabase Database => _database!;

    /// <summary>The database of a host that was there before; this one does not drop it.</summary>
    public TestDatabase? Inherited { init => (_database, _inherited) = (value, true); }

    public static async Task<TestDatabase> MigratedDatabaseAsync()
    {
        var database = await TestDatabase.CreateAsync(TestServers.Telemetry, "telemetry_owner");
        await new Migrations(typeof(Program).Assembly, "ingestion").ApplyAsync(database.For("telemetry_owner"), default);
        return database;
    }

    // Only the one that all share is given RabbitMQ: another would take its events from the queues.
    private bool TakesEvents => GetType() == typeof(IngestionHost) && !_inherited;

    private Dictionary<string, string?> SettingsFor(TestDatabase database, string owner, int brokerPort) => new()
    {
        ["ConnectionStrings:Database"] = database.For("ingestion_app"),
        ["ConnectionStrings:DatabaseSystem"] = database.For("ingestion_system"),
        ["ConnectionStrings:RabbitMq"] = TakesEvents ? TestServers.RabbitMq("test-ingestion") : NoRabbitMq,
        ["services:device-provisioning:http:0"] = owner,
        ["Internal:ServiceKey"] = TestOwner.Key,
        ["Mqtt:Host"] = "127.0.0.1",
        ["Mqtt:Port"] = $"{brokerPort}",
        ["Mqtt:Username"] = "service/ingestion",
        ["Mqtt:Password"] = "secret",
        ["Mqtt:ClientId"] = "service/ingestion-1",
    };

    public async Task<T?> ScalarAsync<T>(string sql, params object[] parameters)
    {
        await using var command = _asSuperuser!.CreateCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new() { Value = parameter });
        }

        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken) is T value ? value : default;
    }

    public async Task<long> ReadingsOfAsync(TestOwner.Device device) =>
        await ScalarAsync<long>("SELECT count(*) FROM readings WHERE device_id = $1", device.DeviceId);

    /// <summary>Refusals of a device as <c>reason=count</c>, sorted.</summary>
    public async Task<string> RejectionsOfAsync(TestOwner.Device device) => await ScalarAsync<string>(
        "SELECT string_agg(reason || '=' || n, ' ' ORDER BY reason) FROM (SELECT reason, sum(count) n FROM rejections WHERE device_id = $1 GROUP BY 1) r",
        device.DeviceId) ?? "";

    /// <summary>Waits until the device has exactly so many readings.</summary>
    public Task HasReadingsAsync(TestOwner.Device device, long count, int seconds = 30) => Eventually.TrueAsync(
        async () =>
        {
            var (readings, rejections) = (await ReadingsOfAsync(device), await RejectionsOfAsync(device));
            return readings == count ? true : throw new InvalidOperationException($"{readings} readings; rejections: {rejections}");
        },
        seconds);

    protected override async Task PrepareAsync()
    {
        _database ??= await MigratedDatabaseAsync();
        _asSuperuser = NpgsqlDataSource.Create(Database.ForSuperuser());
        Owner = await TestOwner.StartAsync();
        await PrepareBrokerAsync();
        foreach (var (key, value) in SettingsFor(Database, Owner.Address, BrokerPort))
        {
            Settings[key] = value;
        }
    }

    // What is published before the session has subscribed, the broker keeps for nobody.
    protected override Task StartedAsync() => Eventually.TrueAsync(() => Task.FromResult(Services.GetRequiredService<TelemetrySession>().IsUp));

    protected virtual int BrokerPort => Broker.Port;

    protected virtual Task PrepareBrokerAsync() => Broker.StartAsync();

    protected override async Task CleanUpAsync()
    {
        await Broker.DisposeAsync();
        await Owner.DisposeAsync();
        await _asSuperuser!.DisposeAsync();
        if (!_inherited)
        {
            await Database.DisposeAsync();
        }
    }
}

/// <summary>A host of one test's own, whose broker the test plays itself.</summary>
public class ScriptedHost : IngestionHost
{
    public ScriptedBroker Wire { get; } = new();

    /// <summary>Settings of the test's own.</summary>
    public Dictionary<string, string?> Special { get; } = [];

    /// <summary>What its DeviceProvisioning holds when the service starts.</summary>
    public Action<TestOwner>? BeforeStart { get; init; }

    // Its broker answers only when the test plays it.
    protected override Task StartedAsync() => Task.CompletedTask;

    protected override int BrokerPort => Wire.Port;

    public async Task<ScriptedHost> StartAsync(bool sessionPresent = false)
    {
        await InitializeAsync();
        await Wire.AcceptAsync(sessionPresent);
        return this;
    }

    /// <summary>Messages and readings that all events tell of, when nothing is left to be told.</summary>
    public async Task<(long Messages, long Readings)> ToldUsageAsync()
    {
        await Eventually.TrueAsync(async () => await ScalarAsync<long>("SELECT count(*) FROM used") == 0);
        var bodies = await ScalarAsync<string>("SELECT coalesce(jsonb_agg(body), '[]')::text FROM outbox WHERE type LIKE '%UsageRecorded'");
        var entries = JsonSerializer.Deserialize<List<UsageRecorded>>(bodies!)!.SelectMany(e => e.Entries).ToList();
        return (entries.Sum(e => e.Messages), entries.Sum(e => e.Readings));
    }

    protected override async Task PrepareAsync()
    {
        await base.PrepareAsync();
        BeforeStart?.Invoke(Owner);
        foreach (var (key, value) in Special)
        {
            Settings[key] = value;
        }
    }

    protected override Task PrepareBrokerAsync() => Task.CompletedTask;

    protected override async Task CleanUpAsync()
    {
        Wire.Dispose();
        await base.CleanUpAsync();
    }
}
