using Npgsql;

namespace EasySmart.Load;

/// <summary>Devices and tenants that are only known: rows of ingestion's replicas, as their owners' events would have written them.</summary>
internal sealed class Population
{
    private readonly Store _store;
    private readonly Guid[] _tenants;

    private Population(Store store, Guid[] tenants) => (_store, _tenants) = (store, tenants);

    public static async Task<Population> AddAsync(Store store, int devices, int tenants, CancellationToken cancellation)
    {
        var population = new Population(store, [.. Enumerable.Range(0, tenants).Select(_ => Guid.CreateVersion7())]);
        await population.WriteAsync(
            """
            INSERT INTO devices (device_id, tenant_id, device_label, status, version)
            SELECT gen_random_uuid(), $1[1 + i % cardinality($1)], 'load-' || gen_random_uuid(), 'active', i FROM generate_series(1, $2) AS i
            """,
            cancellation,
            devices);
        await population.WriteAsync("INSERT INTO tenants (tenant_id, status, version) SELECT t, 'active', 1 FROM unnest($1) AS t", cancellation);
        await population.WriteAsync(
            """
            INSERT INTO tenant_quotas (tenant_id, plan_type, billing_cycle, quota_devices, quota_msgs_per_min, quota_storage_mb, allow_overage, retention_days, version)
            SELECT t, 'starter', 'monthly', 0, 360, 1000, false, 90, 1 FROM unnest($1) AS t
            """,
            cancellation);
        await population.TellAsync(cancellation);
        return population;
    }

    public async Task RemoveAsync(CancellationToken cancellation)
    {
        foreach (var table in new[] { "devices", "tenants", "tenant_quotas" })
        {
            await WriteAsync($"DELETE FROM {table} WHERE tenant_id = ANY($1)", cancellation);
        }
    }

    private async Task TellAsync(CancellationToken cancellation)
    {
        await using var connection = await _store.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand("NOTIFY devices; NOTIFY tenants; NOTIFY tenant_quotas", connection);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private async Task WriteAsync(string sql, CancellationToken cancellation, params int[] counts)
    {
        await using var connection = await _store.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new() { Value = _tenants });
        foreach (var count in counts)
        {
            command.Parameters.Add(new() { Value = count });
        }

        try
        {
            await command.ExecuteNonQueryAsync(cancellation);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            Console.WriteLine($"  {exception.MessageText}: left out");
        }
    }
}
