using Npgsql;

namespace EasySmart.Hosting;

/// <summary>The real servers that <c>deploy/local/test</c> started, as its environment names them.</summary>
public static class TestServers
{
    /// <summary>Superuser of the platform server, as an Npgsql connection string.</summary>
    public static string Platform => Required("EASYSMART_TEST_PLATFORM_SUPERUSER_DSN");

    /// <summary>Superuser of the telemetry server.</summary>
    public static string Telemetry => Required("EASYSMART_TEST_TELEMETRY_SUPERUSER_DSN");

    /// <summary>RabbitMQ, on a virtual host of the test project's own: the fleet's services must not take its events.</summary>
    public static string RabbitMq(string virtualHost) => $"{Required("EASYSMART_TEST_RABBITMQ").TrimEnd('/')}/{virtualHost}";

    /// <summary>The password of a database role.</summary>
    public static string PasswordOf(string role) =>
        Required($"{role.Replace("_system", "_app", StringComparison.Ordinal).ToUpperInvariant()}_PASSWORD");

    /// <summary>A variable of the test environment.</summary>
    public static string Required(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
        ? value
        : throw new InvalidOperationException($"{name} is not set: run the tests with deploy/local/test, which starts the servers and sets it");
}

/// <summary>A database of one test project's own on a real server, made and dropped by it.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly string _superuser;

    private TestDatabase(string superuser, string name) => (_superuser, Name) = (superuser, name);

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Makes an empty database that belongs to <paramref name="owner"/>.</summary>
    public static async Task<TestDatabase> CreateAsync(string superuserConnectionString, string owner, string tablespace = "pg_default")
    {
        var database = new TestDatabase(superuserConnectionString, $"test_{owner}_{Guid.NewGuid():N}"[..40]);
        await database.OnServerAsync($"CREATE DATABASE {database.Name} OWNER {owner} TABLESPACE {tablespace}");
        // As the fleet's own databases are: who may make temporary objects may make functions, and smuggle one into a view's filter.
        await database.OnServerAsync($"REVOKE TEMPORARY ON DATABASE {database.Name} FROM PUBLIC");
        return database;
    }

    /// <summary>A connection string for a role of the server, in this database.</summary>
    public string For(string role) => new NpgsqlConnectionStringBuilder(_superuser)
    {
        Database = Name,
        Username = role,
        Password = TestServers.PasswordOf(role),
    }.ConnectionString;

    /// <summary>A connection string for the superuser, in this database.</summary>
    public string ForSuperuser() => new NpgsqlConnectionStringBuilder(_superuser) { Database = Name }.ConnectionString;

    /// <summary>Lets nobody in any more and ends who is in, as a server that died would; or lets them in again.</summary>
    public async Task SetReachableAsync(bool reachable)
    {
        await OnServerAsync($"ALTER DATABASE {Name} ALLOW_CONNECTIONS {(reachable ? "true" : "false")}");
        if (!reachable)
        {
            // Not the test's own connections: a dead one would be found out by whichever test uses it next.
            await OnServerAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{Name}' AND usename <> current_user");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await OnServerAsync($"DROP DATABASE IF EXISTS {Name} WITH (FORCE)");

    private async Task OnServerAsync(string sql)
    {
        await using var source = new NpgsqlDataSourceBuilder(_superuser).Build();
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
