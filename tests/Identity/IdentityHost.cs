using System.Security.Cryptography;
using EasySmart.Hosting;
using EasySmart.Identity.Tests;
using EasySmart.ServiceDefaults.Postgres;

[assembly: AssemblyFixture(typeof(IdentityHost))]

namespace EasySmart.Identity.Tests;

/// <summary>Identity on a database of its own. The one that all test classes share also takes its events from RabbitMQ.</summary>
public sealed class IdentityHost : ServiceHost<Program>
{
    public const string ServiceKey = "a service key for tests, long enough";

    /// <summary>Nobody listens there: an extra host must not take the shared host's events from the queue.</summary>
    private const string NoRabbitMq = "amqp://127.0.0.1:1";

    private readonly TestDatabase? _lent;
    private readonly IReadOnlyDictionary<string, string?> _changes;

    public IdentityHost()
        : this(null, new Dictionary<string, string?> { ["ConnectionStrings:RabbitMq"] = TestServers.RabbitMq("test-identity") })
    {
    }

    private IdentityHost(TestDatabase? lent, IReadOnlyDictionary<string, string?> changes)
        : base("identity") => (_lent, _changes) = (lent, changes);

    public TestDatabase Database { get; private set; } = null!;

    /// <summary>A host beside the shared one, for what would disturb the other tests.</summary>
    /// <param name="database">A migrated database that the caller keeps; null for one of its own.</param>
    /// <param name="changes">Settings that differ; null takes one away.</param>
    public static IdentityHost Beside(TestDatabase? database = null, params (string Key, string? Value)[] changes) =>
        new(database, changes.ToDictionary(c => c.Key, c => c.Value));

    public static async Task<TestDatabase> MigratedDatabaseAsync()
    {
        var database = await TestDatabase.CreateAsync(TestServers.Platform, "identity_owner");
        await new Migrations(typeof(Program).Assembly, "identity").ApplyAsync(database.For("identity_owner"), CancellationToken.None);
        return database;
    }

    public static string NewSigningKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Convert.ToBase64String(key.ExportPkcs8PrivateKey());
    }

    protected override async Task PrepareAsync()
    {
        Database = _lent ?? await MigratedDatabaseAsync();
        Settings["ConnectionStrings:Database"] = Database.For("identity_app");
        Settings["ConnectionStrings:DatabaseSystem"] = Database.For("identity_system");
        Settings["ConnectionStrings:RabbitMq"] = NoRabbitMq;
        Settings["Identity:SigningKey"] = NewSigningKey();
        Settings["Idempotency:Key"] = Convert.ToBase64String(new byte[32]);
        Settings["Internal:ServiceKey"] = ServiceKey;
        // All tests come from one address.
        Settings["RateLimits:Auth:PermitLimit"] = "1000000";
        Settings["RateLimits:AuthEmail:PermitLimit"] = "1000";
        Settings["RateLimits:Registrations:PermitLimit"] = "1000000";
        foreach (var (key, value) in _changes)
        {
            if (value is null)
            {
                Settings.Remove(key);
            }
            else
            {
                Settings[key] = value;
            }
        }
    }

    protected override async Task CleanUpAsync()
    {
        if (_lent is null)
        {
            await Database.DisposeAsync();
        }
    }
}
