using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.Quotas;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

[assembly: AssemblyFixture(typeof(EasySmart.BillingQuota.Tests.BillingHost))]

namespace EasySmart.BillingQuota.Tests;

/// <summary>BillingQuota on a database of its own. The one that all test classes share also takes its events from RabbitMQ.</summary>
public sealed class BillingHost : ServiceHost<Program>
{
    public const string ServiceKey = "a-service-key-of-more-than-32-characters";

    /// <summary>Nobody listens there: a host beside the shared one must not take its events from the queue.</summary>
    private const string NoRabbitMq = "amqp://127.0.0.1:1";

    private const string VirtualHost = "test-billing";

    private readonly TestDatabase? _lent;
    private readonly IReadOnlyDictionary<string, string?> _changes;
    private EventProbe? _others;

    public BillingHost()
        : this(null, new Dictionary<string, string?> { ["ConnectionStrings:RabbitMq"] = TestServers.RabbitMq(VirtualHost) })
    {
    }

    private BillingHost(TestDatabase? lent, IReadOnlyDictionary<string, string?> changes)
        : base("billing-quota") => (_lent, _changes) = (lent, changes);

    public static Migrations Migrations { get; } = new(typeof(Program).Assembly, "billing");

    public TestDatabase Database { get; private set; } = null!;

    /// <summary>The services whose events this one takes, and who take its events.</summary>
    public EventProbe Others => _others ??= new EventProbe(this, VirtualHost).On<TenantQuotaChanged>().On<QuotaExceeded>().On<AuditRecorded>();

    /// <summary>A host beside the shared one.</summary>
    /// <param name="database">A database that the caller keeps.</param>
    /// <param name="changes">Settings that differ; null takes one away.</param>
    public static BillingHost Beside(TestDatabase database, params (string Key, string? Value)[] changes) =>
        new(database, changes.ToDictionary(change => change.Key, change => change.Value));

    /// <summary>A client that a sister service would be.</summary>
    public HttpClient Sister(string key = ServiceKey)
    {
        var client = Direct();
        client.DefaultRequestHeaders.Add("X-EasySmart-Service-Key", key);
        return client;
    }

    public HttpClient SuperAdmin() => As(null, role: "super_admin", permissions: "system:admin");

    /// <summary>What a role finds.</summary>
    public async Task<T?> ReadAsync<T>(string role, string sql, Guid? parameter = null)
    {
        await using var source = NpgsqlDataSource.Create(Database.For(role));
        await using var command = source.CreateCommand(sql);
        if (parameter is { } value)
        {
            command.Parameters.Add(new() { Value = value });
        }

        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken) is T found ? found : default;
    }

    protected override async Task PrepareAsync()
    {
        Database = _lent ?? await TestDatabase.CreateAsync(TestServers.Platform, "billing_owner");
        if (_lent is null)
        {
            await Migrations.ApplyAsync(Database.For("billing_owner"), CancellationToken.None);
            await Others.StartAsync();
        }

        Settings["ConnectionStrings:Database"] = Database.For("billing_app");
        Settings["ConnectionStrings:DatabaseSystem"] = Database.For("billing_system");
        Settings["ConnectionStrings:RabbitMq"] = NoRabbitMq;
        Settings["Internal:ServiceKey"] = ServiceKey;
        foreach (var (key, value) in _changes)
        {
            Settings[key] = value;
        }
    }

    protected override async Task CleanUpAsync()
    {
        if (_lent is null)
        {
            await Others.DisposeAsync();
            await Database.DisposeAsync();
        }
    }
}
