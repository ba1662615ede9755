using EasySmart.BillingQuota.Usage;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.BillingQuota.Ledger;

/// <summary>
/// Counts device-hours: at the end of each hour the devices that a tenant holds then. Hours that ended while the service was away are counted
/// at the next look, a minute after it is back, with what the tenants hold at that time: what they held before, nobody has kept.
/// </summary>
internal sealed class DeviceHours([FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock)
{
    // Hours of one transaction.
    private const int Most = 24;

    private const string Count =
        $"""
        INSERT INTO usage_pending AS u (tenant_id, hour, meter, amount)
        SELECT tenant_id, hour, '{Meters.DeviceHours}', count(*)
        FROM devices CROSS JOIN generate_series($1, $2 - interval '1 hour', interval '1 hour') AS hour
        WHERE tenant_id IS NOT NULL
        GROUP BY tenant_id, hour ORDER BY tenant_id, hour
        ON CONFLICT (tenant_id, hour, meter) DO UPDATE SET amount = u.amount + excluded.amount
        """;

    /// <summary>Counts every hour that has ended and was not counted. The first look of all only begins.</summary>
    public async Task CountAsync(CancellationToken cancellation)
    {
        while (await CountSomeAsync(cancellation))
        {
        }
    }

    private async Task<bool> CountSomeAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var turn = await connection.BeginLedgerTurnAsync(cancellation);
        if (turn is null)
        {
            return false;
        }

        await using var read = new NpgsqlCommand("SELECT device_hours_until FROM ledger_state", connection, turn);
        var ended = LedgerTurn.Hour(clock.NowInMicros());
        var since = await read.ExecuteScalarAsync(cancellation) as DateTime? ?? ended;
        var until = ended - since > TimeSpan.FromHours(Most) ? since.AddHours(Most) : ended;
        // A clock that was set back counts nothing again.
        if (until < since)
        {
            return false;
        }

        await using var batch = new NpgsqlBatch(connection, turn)
        {
            BatchCommands =
            {
                new(Count) { Parameters = { new() { Value = since }, new() { Value = until } } },
                new("UPDATE ledger_state SET device_hours_until = $1") { Parameters = { new() { Value = until } } },
            },
        };
        await batch.ExecuteNonQueryAsync(cancellation);
        await turn.CommitAsync(cancellation);
        return until < ended;
    }
}
