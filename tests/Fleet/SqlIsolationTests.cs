using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Fleet.Tests;

/// <summary>
/// What a query that forgot its WHERE would see, for every table and view that there is: the cases are generated from the databases, so
/// that a new table is tried without anybody thinking of it.
/// </summary>
public sealed class SqlIsolationTests
{
    // Names which column says whose a row is, where it is not tenant_id.
    private static readonly Dictionary<string, string> TenantColumns = new()
    {
        ["public.tenants"] = "id",
        ["public.audit_published_heads"] = "chain",
    };

    private static readonly Dictionary<string, string> NoTenants = new()
    {
        ["public.schema_migrations"] = "the names of the migrations that were applied",
        ["tenant.rollup_progress"] = "until when the quarter hours of all tenants are rolled up: one time",
    };

    private static readonly Dictionary<string, string> WithoutRowSecurity = new()
    {
        ["telemetry/public.readings"] = "a hypertable that may be compressed cannot have it; no caller's role has any right on it",
        ["telemetry/public.rollups"] = "as with the readings",
    };

    // What a tenant that provisioned a device and published must find filled; without, seeing nothing would prove nothing.
    private static readonly Dictionary<string, string[]> Filled = new()
    {
        ["identity"] = ["public.tenants", "public.users", "public.refresh_tokens", "public.audit"],
        ["devices"] = ["public.devices", "public.credentials", "public.tenant_quotas"],
        ["billing"] = ["public.tenant_plans", "public.usage_minutes"],
        ["notifier"] = ["public.notifications"],
        ["telemetry"] = ["public.rejections", "public.devices", "tenant.devices", "tenant.latest", "tenant.readings", "tenant.rollups"],
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_table_and_view_shows_a_runtime_role_one_tenant_and_none_when_none_is_set()
    {
        var (first, second) = (await FilledTenantAsync(), await FilledTenantAsync());
        var wrong = new List<string>();
        foreach (var catalog in await Catalog.AllAsync())
        {
            await using var closed = catalog;
            foreach (var role in await catalog.RuntimeRolesAsync())
            {
                await using var source = catalog.As(role);
                foreach (var relation in (await catalog.ReadableAsync(role)).Where(one => !NoTenants.ContainsKey(one.Name)))
                {
                    await TryAsync(source, relation, first, second, problem => wrong.Add($"{catalog.Database}, {role}, {relation.Name}: {problem}"));
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public async Task Every_table_with_a_tenant_has_row_level_security()
    {
        foreach (var catalog in await Catalog.AllAsync())
        {
            await using var closed = catalog;
            Assert.Empty((await catalog.TenantTablesWithoutRowSecurityAsync()).Select(name => $"{catalog.Database}/{name}").Except(WithoutRowSecurity.Keys));
        }
    }

    [Fact]
    public async Task No_runtime_role_reads_what_services_tell_one_another()
    {
        foreach (var catalog in await Catalog.AllAsync())
        {
            await using var closed = catalog;
            var roles = await catalog.RuntimeRolesAsync();
            Assert.NotEmpty(roles);
            foreach (var role in roles)
            {
                Assert.DoesNotContain(await catalog.ReadableAsync(role), relation => relation.Name is "public.outbox" or "public.inbox");
            }
        }
    }

    // With real calls: register, provision, publish, be refused. Ends when everything has come to where it is kept.
    private static async Task<Guid> FilledTenantAsync()
    {
        var tenant = await Tenant.RegisterAsync();
        var device = await tenant.ProvisionAsync();
        await Mosquitto.PublishAsync(device, device.Slot(0), ["""{"value": 1}""", "not JSON"]);
        await tenant.ReadsBackAsync(device, 0, """{"value": 1}""");
        // Rolled up within seconds, because it comes late.
        await Mosquitto.PublishAsync(device, device.Slot(1), [$$"""{"value": 1, "ts": {{DateTimeOffset.UtcNow.AddHours(-2).ToUnixTimeMilliseconds()}}}"""]);
        foreach (var catalog in await Catalog.AllAsync())
        {
            await using var closed = catalog;
            var roles = await catalog.RuntimeRolesAsync();
            foreach (var name in Filled.GetValueOrDefault(catalog.Database, []))
            {
                await Eventually.TrueAsync(async () =>
                {
                    foreach (var role in roles)
                    {
                        await using var source = catalog.As(role);
                        if ((await catalog.ReadableAsync(role)).SingleOrDefault(relation => relation.Name == name) is { } readable
                            && (await RowsAsync(source, readable, tenant.Id)).Count > 0)
                        {
                            return true;
                        }
                    }

                    return false;
                });
            }
        }

        return tenant.Id;
    }

    private static async Task TryAsync(NpgsqlDataSource source, Relation relation, Guid first, Guid second, Action<string> tell)
    {
        if (relation.IsTable && TenantColumn(relation) is null)
        {
            tell("has no tenant column; name it in this test with the reason, or take the right to read it away");
        }

        if (relation.IsTable && !relation.HasRowSecurity)
        {
            tell("has no row-level security");
        }

        // One connection: what a tenant's transaction left behind must not show in the next one.
        var before = await RowsAsync(source, relation, null);
        var mine = await RowsAsync(source, relation, first);
        var between = await RowsAsync(source, relation, null);
        var others = await RowsAsync(source, relation, second);
        if (before.Count + between.Count > 0)
        {
            tell($"shows {before.Count + between.Count} rows with no tenant set");
        }

        foreach (var (rows, tenant) in new[] { (mine, first), (others, second) })
        {
            if (TenantColumn(relation) is not null && rows.Any(row => row.Tenant != tenant.ToString()))
            {
                tell($"shows rows of another tenant than {tenant}");
            }
        }

        if (mine.Intersect(others).Any())
        {
            tell("shows two tenants the same row");
        }
    }

    private static string? TenantColumn(Relation relation) =>
        TenantColumns.GetValueOrDefault(relation.Name) ?? (relation.Columns.Contains("tenant_id") ? "tenant_id" : null);

    private static async Task<List<(string? Tenant, string Row)>> RowsAsync(NpgsqlDataSource source, Relation relation, Guid? tenant)
    {
        await using var connection = await source.OpenConnectionAsync(Cancellation);
        await using var transaction = tenant is { } id
            ? await connection.BeginTenantAsync(id, Cancellation)
            : await connection.BeginTransactionAsync(Cancellation);
        await using var command = new NpgsqlCommand(
            $"SELECT {TenantColumn(relation) ?? "NULL"}::text, ROW({string.Join(", ", relation.Columns)})::text FROM {relation.Name}", connection, transaction);
        await using var reader = await command.ExecuteReaderAsync(Cancellation);
        var rows = new List<(string?, string)>();
        while (await reader.ReadAsync(Cancellation))
        {
            rows.Add((await reader.IsDBNullAsync(0, Cancellation) ? null : reader.GetString(0), reader.GetString(1)));
        }

        return rows;
    }
}
