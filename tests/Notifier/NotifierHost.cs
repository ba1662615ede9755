using EasySmart.Contracts.Auditing;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Postgres;

[assembly: AssemblyFixture(typeof(EasySmart.Notifier.Tests.NotifierHost))]

namespace EasySmart.Notifier.Tests;

/// <summary>Notifier on a database of its own. The one that all test classes share also takes its events from RabbitMQ.</summary>
public sealed class NotifierHost : ServiceHost<Program>
{
    /// <summary>Nobody listens there: a host beside the shared one must not take its events from the queue.</summary>
    private const string NoRabbitMq = "amqp://127.0.0.1:1";

    private const string VirtualHost = "test-notifier";

    private readonly TestDatabase? _lent;
    private readonly IReadOnlyDictionary<string, string?> _changes;
    private EventProbe? _others;

    public NotifierHost()
        : this(null, new Dictionary<string, string?> { ["ConnectionStrings:RabbitMq"] = TestServers.RabbitMq(VirtualHost) })
    {
    }

    private NotifierHost(TestDatabase? lent, IReadOnlyDictionary<string, string?> changes)
        : base("notifier") => (_lent, _changes) = (lent, changes);

    public static Migrations Migrations { get; } = new(typeof(Program).Assembly, "notifier");

    public TestDatabase Database { get; private set; } = null!;

    /// <summary>The services whose events this one takes, and who take its events.</summary>
    public EventProbe Others => _others ??= new EventProbe(this, VirtualHost).On<AuditRecorded>();

    /// <summary>A host beside the shared one.</summary>
    /// <param name="database">A database that the caller keeps.</param>
    /// <param name="changes">Settings that differ; null takes one away.</param>
    public static NotifierHost Beside(TestDatabase database, params (string Key, string? Value)[] changes) =>
        new(database, changes.ToDictionary(change => change.Key, change => change.Value));

    protected override async Task PrepareAsync()
    {
        Database = _lent ?? await TestDatabase.CreateAsync(TestServers.Platform, "notifier_owner");
        if (_lent is null)
        {
            await Migrations.ApplyAsync(Database.For("notifier_owner"), CancellationToken.None);
            await Others.StartAsync();
        }

        Settings["ConnectionStrings:Database"] = Database.For("notifier_app");
        Settings["ConnectionStrings:DatabaseSystem"] = Database.For("notifier_system");
        Settings["ConnectionStrings:RabbitMq"] = NoRabbitMq;
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
