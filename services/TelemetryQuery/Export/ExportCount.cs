using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.TelemetryQuery.Export;

/// <summary>
/// Counts the exports that a tenant begins, for its usage: through the one function by which this service's role writes anything.
/// </summary>
internal sealed partial class ExportCount(NpgsqlDataSource database, ILogger<ExportCount> logger)
{
    public async Task AddAsync(Guid tenant, CancellationToken cancellation)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellation);
            await using var transaction = await connection.BeginTenantAsync(tenant, cancellation);
            await using var count = new NpgsqlCommand("SELECT tenant.count_export()", connection, transaction);
            await count.ExecuteNonQueryAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }
        catch (NpgsqlException fault)
        {
            // The file is the tenant's, and it is there to be read; what is lost is our count of one.
            LogUncounted(fault, tenant);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "An export of tenant {Tenant} is not counted")]
    private partial void LogUncounted(Exception fault, Guid tenant);
}
