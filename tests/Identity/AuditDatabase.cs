using EasySmart.Hosting;
using EasySmart.Identity.Auditing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace EasySmart.Identity.Tests;

/// <summary>An audit log of a test class's own, to fill and to tamper with.</summary>
public sealed class AuditDatabase : IAsyncLifetime
{
    private const string Record =
        """
        INSERT INTO audit (event_id, tenant_id, user_id, event_type, event_category, severity, actor_type, actor_id, action, result, ip_address,
                           user_agent, request_id, metadata, timestamp)
        SELECT gen_random_uuid(), $1, $2, 'auth.login', 'auth', 'info', 'user', $2::text, 'login', 'success', '203.0.113.7',
               'agent/1.0', 'request', '{"reason": "test", "email": "ana@example.com"}', now() FROM generate_series(1, $3)
        """;

    public TestDatabase Database { get; private set; } = null!;

    public NpgsqlDataSource System { get; private set; } = null!;

    internal ChainWalk Walk => new(System);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Database = await IdentityHost.MigratedDatabaseAsync();
        System = NpgsqlDataSource.Create(Database.For("identity_system"));
    }

    public async ValueTask DisposeAsync()
    {
        await System.DisposeAsync();
        await Database.DisposeAsync();
    }

    /// <summary>Records as a user of the tenant's made them.</summary>
    public async Task RecordAsync(Guid? tenant, int count, Guid? user = null)
    {
        await using var command = System.CreateCommand(Record);
        command.Parameters.Add(new() { Value = tenant ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Uuid });
        command.Parameters.Add(new() { Value = user ?? Guid.CreateVersion7() });
        command.Parameters.Add(new() { Value = count });
        await command.ExecuteNonQueryAsync(Cancellation);
    }

    /// <summary>What whoever owns the server could do.</summary>
    public Task TamperAsync(string sql) => Sql.RunAsync(Database.ForSuperuser(), sql);

    public Task PublishHeadsAsync(TimeProvider? clock = null) =>
        new PublishHeads(System, clock ?? TimeProvider.System, NullLogger<PublishHeads>.Instance).PublishAsync(Cancellation);

    internal async Task<ChainReport> VerifyAsync(Guid? tenant) =>
        await Walk.WalkAsync(new Chain(tenant ?? Guid.Empty), Cancellation).SingleAsync(Cancellation);
}
