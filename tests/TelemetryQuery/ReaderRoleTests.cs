using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>What PostgreSQL lets the reader role do, whatever this service's code says.</summary>
public sealed class ReaderRoleTests(QueryHost host)
{
    private static readonly DateTimeOffset Time = new(2026, 2, 15, 0, 0, 0, TimeSpan.Zero);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly Plant _mine = new(host);

    [Theory]
    [InlineData("devices")]
    [InlineData("latest")]
    [InlineData("readings")]
    public async Task Without_WHERE_one_tenant_is_seen_and_without_a_tenant_none(string view)
    {
        var other = new Plant(host);
        foreach (var plant in new[] { _mine, other })
        {
            await plant.StoreAsync(await plant.AddDeviceAsync(), 1, Time, form: 1, 1);
        }

        var sql = $"SELECT count(*) FROM tenant.{view}";
        // One connection in the pool, so that every use after the first is a reuse.
        await using var source = NpgsqlDataSource.Create(host.Database.For("telemetry_query") + ";Maximum Pool Size=1");
        Assert.Equal(0L, await CountAsync(source, sql));
        await using (var reader = await source.QueryTenantAsync(_mine.Tenant, new NpgsqlBatchCommand(sql), Cancellation))
        {
            Assert.True(await reader.ReadAsync(Cancellation));
            Assert.Equal(1L, reader.GetInt64(0));
        }

        Assert.Equal(0L, await CountAsync(source, sql));
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await connection.BeginTenantAsync(other.Tenant, Cancellation);
            await using var command = new NpgsqlCommand(sql, connection, transaction);
            Assert.Equal(1L, await command.ExecuteScalarAsync(Cancellation));
        }

        Assert.Equal(0L, await CountAsync(source, sql));
    }

    [Fact]
    public async Task A_query_that_fails_gives_its_connection_back()
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For("telemetry_query") + ";Maximum Pool Size=1");
        for (var i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<PostgresException>(() => source.QueryTenantAsync(_mine.Tenant, new NpgsqlBatchCommand("SELECT 1 / 0"), Cancellation));
        }

        Assert.Equal(0L, await CountAsync(source, "SELECT count(*) FROM tenant.devices"));
    }

    [Fact]
    public async Task A_query_on_connections_that_died_with_their_server_is_asked_again()
    {
        var name = Guid.NewGuid().ToString();
        await using var source = NpgsqlDataSource.Create(host.Database.For("telemetry_query") + $";Maximum Pool Size=2;Application Name={name}");
        await using (await source.OpenConnectionAsync(Cancellation))
        await using (await source.OpenConnectionAsync(Cancellation))
        {
        }

        await using var other = NpgsqlDataSource.Create(host.Database.For("telemetry_query"));
        Assert.Equal(2L, await CountAsync(other, $"SELECT count(pg_terminate_backend(pid, 10000) OR NULL) FROM pg_stat_activity WHERE application_name = '{name}'"));

        await using var reader = await source.QueryTenantAsync(_mine.Tenant, new NpgsqlBatchCommand("SELECT 1"), Cancellation);
        Assert.True(await reader.ReadAsync(Cancellation));
    }

    [Theory]
    [InlineData("SELECT * FROM public.devices")]
    [InlineData("SELECT * FROM public.latest")]
    [InlineData("SELECT * FROM public.readings")]
    [InlineData("SELECT * FROM public.rejections")]
    [InlineData("SELECT * FROM public.telemetry")]
    [InlineData("SELECT * FROM public.outbox")]
    [InlineData("SELECT * FROM public.inbox")]
    [InlineData("UPDATE tenant.devices SET status = 'active'")]
    [InlineData("DELETE FROM tenant.latest")]
    [InlineData("INSERT INTO tenant.devices VALUES (gen_random_uuid(), 'x', 'active')")]
    [InlineData("CREATE TABLE public.mine (a int)")]
    [InlineData("CREATE TABLE tenant.mine (a int)")]
    [InlineData("CREATE TEMP TABLE mine (a int)")]
    [InlineData("CREATE SCHEMA mine")]
    [InlineData("CREATE FUNCTION public.leak(uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true'")]
    [InlineData("CREATE FUNCTION pg_temp.leak(uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true'")]
    [InlineData("SET ROLE telemetry_views")]
    [InlineData("ALTER VIEW tenant.devices OWNER TO telemetry_query")]
    public async Task The_reader_role_reads_no_table_and_creates_nothing(string sql)
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For("telemetry_query"));
        await using var command = source.CreateCommand(sql);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancellation));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    private static async Task<object?> CountAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Cancellation);
    }
}
