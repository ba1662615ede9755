using System.Collections.Frozen;
using Npgsql;

namespace EasySmart.Ingestion.Tenants;

/// <summary>The tenants that are not active, in memory: the hot path's view of the replica. They are few, so all of them are read anew.</summary>
internal sealed class ShutOutTenants
{
    private volatile FrozenSet<Guid> _tenants = [];

    public bool Contains(Guid tenant) => _tenants.Contains(tenant);

    /// <summary>Takes in what the replica says now.</summary>
    public async Task ReadAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT tenant_id FROM tenants WHERE status <> 'active'", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var tenants = new List<Guid>();
        while (await reader.ReadAsync(cancellation))
        {
            tenants.Add(reader.GetGuid(0));
        }

        _tenants = tenants.ToFrozenSet();
    }
}
