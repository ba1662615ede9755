using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Fleet.Tests;

/// <summary>A table or view that a runtime role may read.</summary>
/// <param name="Name">With its schema.</param>
/// <param name="IsTable">Whether rows are stored in it.</param>
/// <param name="HasRowSecurity">Whether row-level security is enabled on it.</param>
/// <param name="Columns">The columns that the role may read.</param>
internal sealed record Relation(string Name, bool IsTable, bool HasRowSecurity, string[] Columns);

/// <summary>What the fleet's databases hold and who may read it, as PostgreSQL's own catalog says.</summary>
internal sealed class Catalog : IAsyncDisposable
{
    // The extension's own tables (chunks, jobs) name no tenant and are readable by everybody; what it made of ours is not among them.
    private const string Ours =
        """
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
        """;

    private readonly string _superuser;
    private readonly NpgsqlDataSource _source;

    private Catalog(string superuser, string database) =>
        (_superuser, Database, _source) = (superuser, database, NpgsqlDataSource.Create(At(superuser, database)));

    public string Database { get; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Every database of both servers, but for those that other tests make and drop beside us.</summary>
    public static async Task<List<Catalog>> AllAsync()
    {
        var found = new List<Catalog>();
        foreach (var server in new[] { TestServers.Platform, TestServers.Telemetry })
        {
            await using var source = NpgsqlDataSource.Create(server);
            var names = await ReadAsync(source, @"SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' AND datname NOT LIKE 'test\_%'", Text);
            found.AddRange(names.Select(name => new Catalog(server, name)));
        }

        return found;
    }

    /// <summary>The roles that services use for callers: they may connect, and row-level security binds them.</summary>
    public Task<List<string>> RuntimeRolesAsync() => ReadAsync(
        _source,
        """
        SELECT rolname FROM pg_roles r, pg_database d
        WHERE d.datname = current_database() AND rolcanlogin AND NOT rolsuper AND NOT rolbypassrls AND r.oid <> d.datdba
          AND has_database_privilege(r.oid, d.oid, 'CONNECT')
        """,
        Text);

    /// <summary>What a role may read, whole or in part.</summary>
    public async Task<List<Relation>> ReadableAsync(string role)
    {
        var all = await ReadAsync(
            _source,
            $"""
            SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind IN ('r', 'p'), c.relrowsecurity,
                   ARRAY(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
                         AND has_schema_privilege('{role}', n.oid, 'USAGE') AND has_column_privilege('{role}', c.oid, attnum, 'SELECT') ORDER BY attnum)
            {Ours}
            """,
            row => new Relation(row.GetString(0), row.GetBoolean(1), row.GetBoolean(2), row.GetFieldValue<string[]>(3)));
        return [.. all.Where(relation => relation.Columns.Length > 0)];
    }

    /// <summary>Tables whose rows say which tenant they are of, and that PostgreSQL does not keep apart.</summary>
    public Task<List<string>> TenantTablesWithoutRowSecurityAsync() => ReadAsync(
        _source,
        $"""
        SELECT n.nspname || '.' || c.relname {Ours} AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
          AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id' AND NOT attisdropped)
          AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid)
        """,
        Text);

    /// <summary>The same database as a runtime role; one connection, so that each use finds what the one before left behind.</summary>
    public NpgsqlDataSource As(string role) => NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(At(_superuser, Database))
    {
        Username = role,
        Password = TestServers.PasswordOf(role),
        MaxPoolSize = 1,
    });

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private static string At(string superuser, string database) => new NpgsqlConnectionStringBuilder(superuser) { Database = database }.ConnectionString;

    private static string Text(NpgsqlDataReader row) => row.GetString(0);

    private static async Task<List<T>> ReadAsync<T>(NpgsqlDataSource source, string sql, Func<NpgsqlDataReader, T> read)
    {
        await using var command = source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(Cancellation);
        var found = new List<T>();
        while (await reader.ReadAsync(Cancellation))
        {
            found.Add(read(reader));
        }

        return found;
    }
}
