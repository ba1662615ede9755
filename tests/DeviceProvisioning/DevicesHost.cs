using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Messages;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.DeviceProvisioning.Tests;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

[assembly: AssemblyFixture(typeof(DevicesHost))]

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>The service on a database of its own, on the virtual host of these tests.</summary>
public class DevicesHost() : ServiceHost<Program>("device-provisioning")
{
    public const string ServiceKey = "a service key for tests, long enough";
    public const string HookKey = "a hook key for tests, long enough too";
    public const string IdempotencyKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    public const string ServicePassword = "ingestion's password for tests";
    public const string OwnPassword = "the service's own password for tests";

    // What was owed is kept here, also when it has been paid.
    private const string OwedEnds =
        """
        CREATE TABLE owed_ends (LIKE session_ends);
        CREATE FUNCTION keep_owed_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
            $$BEGIN INSERT INTO owed_ends SELECT NEW.*; RETURN NULL; END$$;
        CREATE TRIGGER owed AFTER INSERT ON session_ends FOR EACH ROW EXECUTE FUNCTION keep_owed_end();
        """;

    public const string MasterKeyId = "2026a";
    public const string MasterKey = "a manufacturing master key for tests";
    public const string EarlierMasterKeyId = "2025z";
    public const string EarlierMasterKey = "the master key before that, for tests";

    private NpgsqlDataSource? _superuser;
    private TestBroker? _broker;
    private EventProbe? _events;

    public TestDatabase Database { get; private set; } = null!;

    /// <summary>The broker that the service's own session is at, and devices.</summary>
    internal TestBroker Mqtt => _broker!;

    /// <summary>The broker's management API.</summary>
    public TestBrokerApi BrokerApi { get; protected init; } = new();

    /// <summary>What the service published.</summary>
    public EventProbe Events => _events ??= new EventProbe(this, "test-devices").On<DeviceChanged>().On<DeviceRegistered>().On<AuditRecorded>();

    /// <summary>The database past row-level security, for arranging and looking.</summary>
    public NpgsqlDataSource Superuser => _superuser ??= NpgsqlDataSource.Create(Database.ForSuperuser());

    /// <summary>Has the replica hold the tenant, as its event would.</summary>
    public Task KnowAsync(Guid tenant) => ScalarAsync<object>("INSERT INTO tenants VALUES ($1, 'active', 1) ON CONFLICT DO NOTHING", tenant);

    protected override async Task PrepareAsync()
    {
        await Events.StartAsync();
        await PrepareDatabaseAsync();
        Settings["ConnectionStrings:RabbitMq"] = TestServers.RabbitMq("test-devices");
        PrepareBroker();
    }

    /// <summary>Gives the service a broker of its own.</summary>
    protected void PrepareBroker()
    {
        _broker = new TestBroker();
        Settings["Mqtt:Port"] = $"{_broker.Port}";
    }

    protected override async Task StartedAsync()
    {
        if (_broker is not null)
        {
            await _broker.StartAsync(Address);
            var session = Services.GetRequiredService<BrokerSession>();
            await Eventually.TrueAsync(() => Task.FromResult(session.IsUp));
        }
    }

    protected async Task PrepareDatabaseAsync()
    {
        await BrokerApi.StartAsync();
        Database = await TestDatabase.CreateAsync(TestServers.Platform, "devices_owner");
        await new Migrations(typeof(Program).Assembly, "devices").ApplyAsync(Database.For("devices_owner"), CancellationToken.None);
        await ScalarAsync<object>(OwedEnds);
        UseDatabase();
    }

    private void UseDatabase()
    {
        Settings["ConnectionStrings:Database"] = Database.For("devices_app");
        Settings["ConnectionStrings:DatabaseSystem"] = Database.For("devices_system");
        Settings["Hooks:Key"] = HookKey;
        Settings["Idempotency:Key"] = IdempotencyKey;
        Settings["Internal:ServiceKey"] = ServiceKey;
        Settings["Mqtt:Broker"] = "mqtt.example.com:1883";
        Settings["Mqtt:BrokerUrl"] = "mqtt://mqtt.example.com:1883";
        Settings["Mqtt:WebSocketUrl"] = "ws://mqtt.example.com:8083/mqtt";
        Settings["Mqtt:ServiceAccounts:ingestion"] = ServicePassword;
        Settings["Mqtt:ServiceAccounts:device-provisioning"] = OwnPassword;
        Settings["Mqtt:Host"] = "127.0.0.1";
        // Nobody is there, unless the host has a broker.
        Settings["Mqtt:Port"] = "1";
        Settings["Mqtt:SharedSubscription"] = "false";
        Settings["BrokerApi:Url"] = BrokerApi.Url;
        Settings["BrokerApi:Key"] = TestBrokerApi.Key;
        Settings["BrokerApi:Secret"] = TestBrokerApi.Secret;
        // That has tests of its own; others' sessions are in no list.
        Settings["BrokerApi:ReconcileEvery"] = "1.00:00:00";
        Settings["Manufacturing:CurrentKey"] = MasterKeyId;
        Settings[$"Manufacturing:MasterKeys:{MasterKeyId}"] = MasterKey;
        Settings[$"Manufacturing:MasterKeys:{EarlierMasterKeyId}"] = EarlierMasterKey;
        // The machine that runs the tests may be busy; that a budget is kept has tests of its own.
        Settings["Mqtt:LoginBudget"] = "00:00:10";
    }

    protected override async Task CleanUpAsync()
    {
        await Events.DisposeAsync();
        await BrokerApi.DisposeAsync();
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }

        if (_superuser is not null)
        {
            await _superuser.DisposeAsync();
        }

        if (Database is not null)
        {
            await Database.DisposeAsync();
        }
    }

    /// <summary>The same service started anew: nothing in memory, the same database. Its RabbitMQ is away, so that it takes none of this one's events.</summary>
    public async Task<DevicesHost> RestartedAsync(params IEnumerable<(string Key, string Value)> settings)
    {
        var host = new RestartedHost(Database, settings) { BrokerApi = BrokerApi };
        await host.InitializeAsync();
        return host;
    }

    public async Task<T?> ScalarAsync<T>(string sql, params object[] values)
    {
        await using var command = Superuser.CreateCommand(sql);
        command.Parameters.AddRange(values.Select(value => new NpgsqlParameter { Value = value }).ToArray());
        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken) is T value ? value : default;
    }

    /// <summary>Waits until this instance lets the device in from memory, or does not any more.</summary>
    public Task KnowsAsync(ProvisionedDevice device, bool knows = true) => Eventually.TrueAsync(() => Task.FromResult(
        Services.GetRequiredService<LoginMemory>().LogIn(device.mqtt_username, Credential.Hash(device.device_secret)) is not null == knows));

    private sealed class RestartedHost(TestDatabase database, IEnumerable<(string Key, string Value)> settings) : DevicesHost
    {
        protected override Task PrepareAsync()
        {
            Database = database;
            UseDatabase();
            Settings["ConnectionStrings:RabbitMq"] = "amqp://nobody:nobody@127.0.0.1:1/nowhere";
            foreach (var (key, value) in settings)
            {
                Settings[key] = value;
            }

            return Task.CompletedTask;
        }

        protected override Task CleanUpAsync() => Task.CompletedTask;
    }
}

/// <summary>
/// A second service, whose RabbitMQ is away: on the same virtual host the two would take each other's events. Ready all the same, as
/// architecture.md §2 wants it.
/// </summary>
public class LonelyHost : DevicesHost
{
    protected override async Task PrepareAsync()
    {
        await PrepareDatabaseAsync();
        Settings["ConnectionStrings:RabbitMq"] = "amqp://nobody:nobody@127.0.0.1:1/nowhere";
    }
}
