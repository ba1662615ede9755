using Aspire.Hosting.ApplicationModel;

namespace EasySmart.AppHost.Tests;

public sealed class DatabaseTests(Fleet fleet) : IClassFixture<Fleet>
{
    [Theory]
    [InlineData("identity", "platform", "identity", "identity_app", "identity_system", "identity_owner")]
    [InlineData("device-provisioning", "platform", "devices", "devices_app", "devices_system", "devices_owner")]
    [InlineData("billing-quota", "platform", "billing", "billing_app", "billing_system", "billing_owner")]
    [InlineData("notifier", "platform", "notifier", "notifier_app", "notifier_system", "notifier_owner")]
    [InlineData("ingestion", "telemetry", "telemetry", "ingestion_app", "ingestion_system", "telemetry_owner")]
    public async Task A_service_runs_as_its_runtime_roles_and_its_migrations_as_the_owner(
        string service, string server, string database, string app, string system, string owner)
    {
        var environment = await fleet.EnvironmentOf(service);
        Assert.Equal(ConnectionString(server, database, app, app), environment["ConnectionStrings__Database"]);
        Assert.Equal(ConnectionString(server, database, system, app), environment["ConnectionStrings__DatabaseSystem"]);
        Assert.DoesNotContain("ConnectionStrings__DatabaseOwner", environment.Keys, StringComparer.OrdinalIgnoreCase);

        var migrations = await fleet.EnvironmentOf($"{service}-migrations");
        Assert.Equal(ConnectionString(server, database, owner, owner), migrations["ConnectionStrings__DatabaseOwner"]);
        Assert.DoesNotContain("ConnectionStrings__Database", migrations.Keys, StringComparer.OrdinalIgnoreCase);
        Assert.Equal(["migrate"], await fleet.ArgumentsOf($"{service}-migrations"));
    }

    [Fact]
    public async Task TelemetryQuery_has_the_readers_role_and_no_other()
    {
        var environment = await fleet.EnvironmentOf("telemetry-query");
        Assert.Equal(
            ConnectionString("telemetry", "telemetry", "telemetry_query", "telemetry_query"), environment["ConnectionStrings__Database"]);
        Assert.Equal(["ConnectionStrings__Database"], environment.Keys.Where(IsConnectionString));
    }

    [Fact]
    public async Task The_gateway_has_no_connection_string() =>
        Assert.DoesNotContain((await fleet.EnvironmentOf("gateway")).Keys, key => IsConnectionString(key));

    [Theory]
    [InlineData("identity", "identity-migrations")]
    [InlineData("device-provisioning", "device-provisioning-migrations")]
    [InlineData("ingestion", "ingestion-migrations")]
    [InlineData("telemetry-query", "ingestion-migrations")]
    [InlineData("billing-quota", "billing-quota-migrations")]
    [InlineData("notifier", "notifier-migrations")]
    public void A_service_starts_when_the_migrations_of_its_database_are_done(string service, string migrations) =>
        Assert.Equal([migrations], fleet.WaitsOf(service, WaitType.WaitForCompletion));

    [Fact]
    public void The_databases_are_those_of_the_architecture() =>
        Assert.Equal(
            ["billing", "devices", "identity", "notifier", "telemetry"],
            fleet.Resources.OfType<PostgresDatabaseResource>().Select(database => database.DatabaseName).Order(StringComparer.Ordinal));

    private static bool IsConnectionString(string key) => key.StartsWith("ConnectionStrings__", StringComparison.OrdinalIgnoreCase);

    private static string ConnectionString(string server, string database, string role, string passwordOf) =>
        $"Host={{{server}.bindings.tcp.host}};Port={{{server}.bindings.tcp.port}};Database={database};Username={role};"
        + $"Password={{{passwordOf.Replace('_', '-')}-password.value}}";
}
