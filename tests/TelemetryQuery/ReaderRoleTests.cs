using EasySmart.Contracts.Ingestion;
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
    [InlineData("SELECT * FROM public.used")]
    [InlineData("SELECT * FROM public.tenant_stored")]
    [InlineData("INSERT INTO public.used (entries) VALUES ('[]')")]
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
    public async Task The_reader_role_reads_and_writes_no_table_and_creates_nothing(string sql)
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For("telemetry_query"));
        await using var command = source.CreateCommand(sql);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancellation));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Fact]
    public async Task The_one_thing_it_writes_is_that_its_transactions_tenant_began_an_export()
    {
        await using var source = NpgsqlDataSource.Create(host.Database.For("telemetry_query"));
        // Functions that run with another's rights, less those of extensions: there is no other way to write.
        Assert.Equal("tenant.count_export()", await CountAsync(
            source,
            """
            SELECT string_agg(p.oid::regprocedure::text, ' ') FROM pg_proc p
            WHERE p.prosecdef AND has_function_privilege(p.oid, 'EXECUTE')
                AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
            """));

        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await connection.BeginTenantAsync(_mine.Tenant, Cancellation);
            // A table and a function of the caller's own making would be found first, if it could make them and the function looked for them.
            await using var count = new NpgsqlCommand("SET LOCAL search_path = pg_temp, tenant; SELECT tenant.count_export()", connection, transaction);
            await count.ExecuteNonQueryAsync(Cancellation);
            await transaction.CommitAsync(Cancellation);
        }

        var written = Assert.Single(await ExportCountTests.UsedAsync(host.Ingestion, _mine.Tenant));
        Assert.Equal(new UsageEntry(_mine.Tenant, written.Minute, 0, 0, 0, Exports: 1), written);
        // Of no tenant, nothing.
        await CountAsync(source, "SELECT tenant.count_export()");
        Assert.DoesNotContain(await ExportCountTests.UsedAsync(host.Ingestion), entry => entry.TenantId == Guid.Empty);

        foreach (var role in new[] { "ingestion_app", "ingestion_system" })
        {
            await using var other = NpgsqlDataSource.Create(host.Database.For(role));
            var refused = await Assert.ThrowsAsync<PostgresException>(() => CountAsync(other, "SELECT tenant.count_export()"));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        }
    }

    private static async Task<object?> CountAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Cancellation);
    }
}
