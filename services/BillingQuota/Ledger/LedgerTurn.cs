using Npgsql;

namespace EasySmart.BillingQuota.Ledger;

/// <summary>Everything that keeps the ledger does it in turns: one transaction of one instance at a time, under one lock.</summary>
internal static class LedgerTurn
{
    // Any constant: advisory locks are per database. "Ledg" in ASCII.
    private const long Lock = 0x4C656467;

    /// <summary>Begins a turn; null while another instance has its own. What fails in a turn leaves nothing behind.</summary>
    public static async Task<NpgsqlTransaction?> BeginLedgerTurnAsync(this NpgsqlConnection connection, CancellationToken cancellation)
    {
        var transaction = await connection.BeginTransactionAsync(cancellation);
        await using var take = new NpgsqlCommand($"SELECT pg_try_advisory_xact_lock({Lock})", connection, transaction);
        if (await take.ExecuteScalarAsync(cancellation) is true)
        {
            return transaction;
        }

        await transaction.DisposeAsync();
        return null;
    }

    /// <summary>Now, as exactly as PostgreSQL keeps it: a hash is made of what is stored.</summary>
    public static DateTime NowInMicros(this TimeProvider clock)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }

    public static DateTime Hour(DateTime time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerHour));
}
