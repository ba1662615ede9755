using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>What PostgreSQL itself keeps apart, whatever a query forgot.</summary>
public sealed class IsolationTests(IngestionHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ingestion_app", "rejections")]
    [InlineData("ingestion_app", "devices")]
    [InlineData("telemetry_query", "tenant.latest")]
    [InlineData("telemetry_query", "tenant.readings")]
    [InlineData("telemetry_query", "tenant.devices")]
    public async Task A_query_without_where_sees_one_tenant(string role, string table)
    {
        var (mine, other) = (host.Owner.Put(Guid.CreateVersion7()), host.Owner.Put(Guid.CreateVersion7()));
        foreach (var device in new[] { mine, other })
        {
            await host.ScalarAsync<int>(
                "INSERT INTO devices (device_id, tenant_id, status, version) VALUES ($1, $2, 'active', $3)", device.DeviceId, device.TenantId!, device.Version);
            await host.Broker.PublishAsync((device.Topic(), "1"), (device.Topic(), "{"));
            await host.HasReadingsAsync(device, 1);
            await EasySmart.Hosting.Eventually.TrueAsync(async () => await host.RejectionsOfAsync(device) == "bad_json=1");
        }

        // One connection, so that the second transaction reuses what the first left behind.
        await using var source = NpgsqlDataSource.Create(host.Database.For(role) + ";Maximum Pool Size=1");
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        {
            Assert.Equal("", await DevicesAsync(connection));
            await using var transaction = await connection.BeginTenantAsync(mine.TenantId!.Value, Cancellation);
            Assert.Equal($"{mine.DeviceId}", await DevicesAsync(connection));
            await transaction.CommitAsync(Cancellation);
        }

        await using var reused = await source.OpenConnectionAsync(Cancellation);
        Assert.Equal("", await DevicesAsync(reused));

        async Task<object?> DevicesAsync(NpgsqlConnection connection)
        {
            await using var command = new NpgsqlCommand($"SELECT coalesce(string_agg(DISTINCT device_id::text, ' '), '') FROM {table}", connection);
            return await command.ExecuteScalarAsync(Cancellation);
        }
    }

    [Theory]
    [InlineData("ingestion_app", "SELECT FROM outbox")]
    [InlineData("ingestion_app", "SELECT FROM used")]
    [InlineData("ingestion_app", "SELECT FROM reconciliation")]
    [InlineData("ingestion_app", "UPDATE tenant_stored SET bytes = 0")]
    [InlineData("ingestion_app", "SELECT tenant.count_export()")]
    [InlineData("ingestion_app", "SELECT FROM inbox")]
    [InlineData("ingestion_app", "SELECT FROM readings")]
    [InlineData("ingestion_app", "SELECT FROM latest")]
    [InlineData("ingestion_app", "SELECT status FROM devices")]
    [InlineData("ingestion_app", "DELETE FROM devices")]
    [InlineData("ingestion_app", "SELECT FROM error_notices")]
    [InlineData("ingestion_app", "SELECT FROM deliveries")]
    [InlineData("ingestion_app", "DELETE FROM rejections")]
    [InlineData("ingestion_system", "TRUNCATE readings")]
    [InlineData("ingestion_system", "UPDATE readings SET value = 0")]
    [InlineData("ingestion_system", "DROP TABLE readings")]
    [InlineData("ingestion_system", "CREATE TABLE mine (id integer)")]
    [InlineData("telemetry_query", "SELECT FROM readings")]
    [InlineData("telemetry_query", "SELECT FROM deliveries")]
    public async Task A_runtime_role_has_no_right_to(string role, string sql)
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For(role));
        await using var command = source.CreateCommand(sql);
        var failure = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancellation));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, failure.SqlState);
    }
}
