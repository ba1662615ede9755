using System.Reflection;
using DbUp;
using DbUp.Engine;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace EasySmart.ServiceDefaults.Postgres;

/// <summary>
/// A database's schema: the SQL files embedded in the service's assembly under <c>Migrations/</c>, in the order of their names, after
/// those that every service has alike (session function, outbox, inbox). Applied by the service's <c>migrate</c> command as the owner role.
/// </summary>
/// <param name="assembly">The service's assembly.</param>
/// <param name="rolePrefix">The runtime roles are <c>{prefix}_app</c> and <c>{prefix}_system</c>; scripts write <c>{{app}}</c> and <c>{{system}}</c>.</param>
public sealed class Migrations(Assembly assembly, string rolePrefix)
{
    private const string Journal = "schema_migrations";

    // Any constant: one lock for each database, since advisory locks are per database.
    private const long Lock = 0x45736D69;

    private IEnumerable<SqlScript> Scripts =>
        [.. Read(typeof(Outbox).Assembly, "0000_"), .. Read(assembly, "")];

    /// <summary>The <c>migrate</c> command: applies what is missing as the role of <c>ConnectionStrings:DatabaseOwner</c>, and needs nothing else.</summary>
    /// <returns>The process's exit code.</returns>
    public async Task<int> RunAsync()
    {
        var owner = Host.CreateApplicationBuilder().Configuration.GetConnectionString("DatabaseOwner")
            ?? throw new InvalidOperationException("ConnectionStrings:DatabaseOwner is not configured; `migrate` needs the owner role");
        await ApplyAsync(owner, CancellationToken.None);
        return 0;
    }

    /// <summary>Applies what is missing, each file in a transaction of its own. Several at once wait for one another.</summary>
    /// <param name="ownerConnectionString">The owner role's.</param>
    /// <param name="cancellation">Gives up waiting.</param>
    /// <exception cref="InvalidOperationException">A script failed; its name is in the message. Those before it stay applied.</exception>
    public async Task ApplyAsync(string ownerConnectionString, CancellationToken cancellation)
    {
        await using var source = NpgsqlDataSource.Create(ownerConnectionString);
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await ExecuteAsync(connection, $"SELECT pg_advisory_lock({Lock})", cancellation);
        var result = DeployChanges.To.PostgresqlDatabase(ownerConnectionString)
            .WithScripts(Scripts)
            .WithVariablesDisabled()
            .WithTransactionPerScript()
            // A year of readings is not changed in the driver's half minute.
            .WithExecutionTimeout(TimeSpan.Zero)
            .JournalToPostgresqlTable("public", Journal)
            .LogToConsole()
            .Build().PerformUpgrade();
        if (!result.Successful)
        {
            throw new InvalidOperationException($"Migration {result.ErrorScript?.Name} failed: {result.Error.Message}", result.Error);
        }

        // Whoever may connect at all may know which migrations there are; the gate at start asks.
        await ExecuteAsync(connection, $"GRANT SELECT ON {Journal} TO PUBLIC", cancellation);
    }

    /// <summary>The name of the newest script of this build when it is not applied; null when it is.</summary>
    internal async Task<string?> MissingAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        var newest = Scripts.Last().Name;
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var exists = new NpgsqlCommand($"SELECT to_regclass('{Journal}') IS NOT NULL AND has_table_privilege('{Journal}', 'SELECT')", connection);
        if (await exists.ExecuteScalarAsync(cancellation) is not true)
        {
            return newest;
        }

        await using var applied = new NpgsqlCommand($"SELECT count(*) FROM {Journal} WHERE scriptname = @name", connection);
        applied.Parameters.AddWithValue("name", newest);
        return await applied.ExecuteScalarAsync(cancellation) is > 0L ? null : newest;
    }

    private IEnumerable<SqlScript> Read(Assembly source, string prefix) =>
        from resource in source.GetManifestResourceNames()
        where resource.EndsWith(".sql", StringComparison.Ordinal)
        // "EasySmart.Identity.Migrations.0001_tenants.sql" → "0001_tenants.sql"
        let name = string.Join('.', resource.Split('.')[^2..])
        where name.StartsWith(prefix, StringComparison.Ordinal)
        orderby name
        select new SqlScript(name, Text(source, resource));

    private string Text(Assembly source, string resource)
    {
        using var reader = new StreamReader(source.GetManifestResourceStream(resource)!);
        return reader.ReadToEnd()
            .Replace("{{app}}", $"{rolePrefix}_app", StringComparison.Ordinal)
            .Replace("{{system}}", $"{rolePrefix}_system", StringComparison.Ordinal);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        // The lock is waited for as long as another migrates.
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
