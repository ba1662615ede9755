using System.Text.Json;
using EasySmart.Identity.Auditing;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Identity.Tests;

/// <summary>No filter of <c>GET /audit</c> looks through a long log for the few records that it wants.</summary>
public sealed class AuditIndexTests(AuditIndexTests.LongLog log) : IClassFixture<AuditIndexTests.LongLog>
{
    private static readonly Guid Tenant = Guid.CreateVersion7();
    private static readonly Guid Rare = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static MatrixTheoryData<string, bool> Filters => new(Named.Keys, [false, true]);

    private static Dictionary<string, AuditFilter> Named { get; } = new()
    {
        ["none"] = new(),
        ["from, to"] = new() { From = DateTimeOffset.UtcNow.AddMinutes(-20), To = DateTimeOffset.UtcNow.AddMinutes(-10) },
        ["event_type"] = new() { EventType = "rare.thing" },
        ["event_type prefix"] = new() { EventType = "rare.*" },
        ["event_category"] = new() { EventCategory = "rare" },
        ["actor_id"] = new() { ActorId = Rare.ToString() },
        ["actor_type"] = new() { ActorType = "system" },
        ["user_id"] = new() { UserId = Rare },
        ["device_id"] = new() { DeviceId = Rare },
        ["resource_type"] = new() { ResourceType = "rare" },
        ["resource_id"] = new() { ResourceId = Rare.ToString() },
        ["result"] = new() { Result = "denied" },
        ["result success"] = new() { Result = "success" },
    };

    [Theory]
    [MemberData(nameof(Filters))]
    public async Task A_filter_reads_what_it_answers_and_little_else(string name, bool operates)
    {
        var query = AuditLog.Query(new AuditScope(operates ? null : new Chain(Tenant)), Named[name], null, 10);
        await using var connection = await (operates ? log.System : log.Callers).OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTenantAsync(Tenant, Cancellation);
        await using var explain = new NpgsqlCommand($"EXPLAIN (ANALYZE, FORMAT JSON) {query.CommandText}", connection, transaction);
        foreach (NpgsqlParameter parameter in query.Parameters)
        {
            explain.Parameters.Add(new() { Value = parameter.Value });
        }

        var plan = (string)(await explain.ExecuteScalarAsync(Cancellation))!;
        var steps = Steps(JsonSerializer.Deserialize<JsonElement>(plan)[0].GetProperty("Plan")).ToList();
        Assert.DoesNotContain(steps, step => step.GetProperty("Node Type").GetString() == "Seq Scan");
        Assert.Equal(10, steps[0].GetProperty("Actual Rows").GetDouble());
        var inVain = steps.Sum(step => step.TryGetProperty("Rows Removed by Filter", out var removed) ? removed.GetDouble() : 0);
        Assert.True(inVain < 100, plan);
    }

    private static IEnumerable<JsonElement> Steps(JsonElement plan) =>
        plan.TryGetProperty("Plans", out var inner) ? inner.EnumerateArray().SelectMany(Steps).Prepend(plan) : [plan];

    /// <summary>20,000 ordinary records and a few rare ones, the rare ones long ago.</summary>
    public sealed class LongLog : IAsyncLifetime
    {
        private readonly AuditDatabase _audit = new();

        public NpgsqlDataSource Callers { get; private set; } = null!;

        public NpgsqlDataSource System => _audit.System;

        public async ValueTask InitializeAsync()
        {
            await _audit.InitializeAsync();
            Callers = NpgsqlDataSource.Create(_audit.Database.For("identity_app"));
            // Past the trigger, which would take its time: here nobody looks at hashes.
            await _audit.TamperAsync(
                $"""
                SET session_replication_role = replica;
                INSERT INTO audit (event_id, tenant_id, user_id, device_id, event_type, event_category, severity, actor_type, actor_id,
                                   resource_type, resource_id, action, result, timestamp, chain_position, hash)
                SELECT gen_random_uuid(), '{Tenant}', CASE WHEN rare THEN '{Rare}' ELSE gen_random_uuid() END,
                       CASE WHEN rare THEN '{Rare}' ELSE gen_random_uuid() END, CASE WHEN rare THEN 'rare.thing' ELSE 'auth.login' END,
                       CASE WHEN rare THEN 'rare' ELSE 'auth' END, 'info', CASE WHEN rare THEN 'system' ELSE 'user' END,
                       CASE WHEN rare THEN '{Rare}' ELSE gen_random_uuid()::text END, CASE WHEN rare THEN 'rare' ELSE 'user' END,
                       CASE WHEN rare THEN '{Rare}' ELSE gen_random_uuid()::text END, 'do', CASE WHEN rare THEN 'denied' ELSE 'success' END,
                       now() - n * interval '1 second', n, ''
                FROM generate_series(1, 20000) AS n, LATERAL (SELECT n > 19980 AS rare) AS kind;
                ANALYZE audit
                """);
        }

        public async ValueTask DisposeAsync()
        {
            await Callers.DisposeAsync();
            await _audit.DisposeAsync();
        }
    }
}
