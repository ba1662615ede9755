using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Identity.Tests;

/// <summary>What PostgreSQL itself keeps apart, whatever a query forgot.</summary>
public sealed class IsolationTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("tenants", "id")]
    [InlineData("users", "tenant_id")]
    [InlineData("sessions", "tenant_id")]
    [InlineData("refresh_tokens", "tenant_id")]
    [InlineData("audit", "tenant_id")]
    public async Task A_query_without_where_sees_one_tenant(string table, string column)
    {
        var (mine, session) = await Person.RegisteredAsync(host);
        var (other, _) = await Person.RegisteredAsync(host);
        await mine.AuditedAsync("auth.register", "success");
        await other.AuditedAsync("auth.register", "success");
        var tenant = session.GetProperty("user").GetProperty("tenant_id").GetGuid();

        // One connection, so that the second transaction reuses what the first left behind.
        await using var source = NpgsqlDataSource.Create(host.Database.For("identity_app") + ";Maximum Pool Size=1");
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        {
            Assert.Empty(await TenantsAsync(connection));
            await using var transaction = await connection.BeginTenantAsync(tenant, Cancellation);
            Assert.Equal([tenant], await TenantsAsync(connection));
            await transaction.CommitAsync(Cancellation);
        }

        await using var reused = await source.OpenConnectionAsync(Cancellation);
        Assert.Empty(await TenantsAsync(reused));

        async Task<List<Guid>> TenantsAsync(NpgsqlConnection connection)
        {
            await using var command = new NpgsqlCommand($"SELECT DISTINCT {column} FROM {table}", connection);
            await using var reader = await command.ExecuteReaderAsync(Cancellation);
            var found = new List<Guid>();
            while (await reader.ReadAsync(Cancellation))
            {
                found.Add(reader.GetGuid(0));
            }

            return found;
        }
    }

    [Theory]
    [InlineData("identity_app", "SELECT hash FROM api_keys")]
    [InlineData("identity_app", "UPDATE api_keys SET scopes = '{system:admin}'")]
    [InlineData("identity_app", "UPDATE api_keys SET last_used_at = now()")]
    [InlineData("identity_app", "DELETE FROM api_keys")]
    [InlineData("identity_system", "DELETE FROM api_keys")]
    [InlineData("identity_app", "DELETE FROM idempotency_keys")]
    [InlineData("identity_app", "SELECT FROM outbox")]
    [InlineData("identity_app", "SELECT FROM inbox")]
    [InlineData("identity_app", "UPDATE users SET role = 'super_admin', tenant_id = NULL")]
    [InlineData("identity_app", "UPDATE users SET email = 'me@example.com'")]
    [InlineData("identity_app", "INSERT INTO tenants VALUES (gen_random_uuid(), 'active', now(), 'x')")]
    [InlineData("identity_app", "SELECT FROM stream_tickets")]
    [InlineData("identity_app", "DELETE FROM stream_tickets")]
    [InlineData("identity_app", "SELECT FROM throttles")]
    [InlineData("identity_app", "DELETE FROM revocations")]
    [InlineData("identity_app", "DELETE FROM refresh_tokens")]
    [InlineData("identity_app", "INSERT INTO audit (event_id) VALUES (gen_random_uuid())")]
    [InlineData("identity_app", "UPDATE audit SET result = 'success'")]
    [InlineData("identity_app", "DELETE FROM audit")]
    [InlineData("identity_system", "UPDATE audit SET result = 'success'")]
    [InlineData("identity_system", "DELETE FROM audit")]
    [InlineData("identity_system", "TRUNCATE audit")]
    [InlineData("identity_system", "ALTER TABLE audit DISABLE ROW LEVEL SECURITY")]
    [InlineData("identity_system", "DROP TABLE audit")]
    [InlineData("identity_system", "UPDATE audit SET ip_address = NULL")]
    [InlineData("identity_system", "UPDATE audit_heads SET position = 0")]
    [InlineData("identity_system", "DELETE FROM audit_heads")]
    [InlineData("identity_system", "UPDATE audit_published_heads SET position = 0")]
    [InlineData("identity_system", "DELETE FROM audit_published_heads")]
    [InlineData("identity_system", "ALTER TABLE audit DISABLE TRIGGER audit_chained")]
    [InlineData("identity_app", "SELECT FROM audit_heads")]
    [InlineData("identity_app", "INSERT INTO audit_published_heads (position) VALUES (1)")]
    [InlineData("identity_app", "SELECT erase_audit_personal(gen_random_uuid())")]
    public async Task A_runtime_role_has_no_right_to(string role, string sql)
    {
        var failure = await Assert.ThrowsAsync<PostgresException>(() => Sql.RunAsync(host.Database.For(role), sql));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, failure.SqlState);
    }
}
