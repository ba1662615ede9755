using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.BillingQuota.Ledger;

/// <summary>
/// Posts what was used in hours that are over: moves it from the pending usage into the ledger. What comes later for such an hour is posted
/// at the next look, as a further row.
/// </summary>
/// <remarks>
/// The day of a row is the day of its posting, and never before a day that is closed or was posted into: a clock that was set back posts
/// into the day that is open, and <c>posted_at</c> tells what it showed.
/// </remarks>
internal sealed class Poster([FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>How long after its end an hour is posted: most of what comes late is in the same row then.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private const int Most = 10_000;

    // What is being added to this moment is left to the next look, rather than waited for in an order that another transaction does not keep.
    private static readonly string s_post =
        $"""
        WITH due AS MATERIALIZED (
            SELECT tenant_id, hour, meter FROM usage_pending WHERE hour <= $1 ORDER BY hour LIMIT {Most} FOR UPDATE SKIP LOCKED),
        taken AS (
            DELETE FROM usage_pending p USING due
            WHERE p.tenant_id = due.tenant_id AND p.hour = due.hour AND p.meter = due.meter
            RETURNING p.*),
        posted AS (
            INSERT INTO usage_ledger (seq, tenant_id, hour, meter, amount, posted_at, day)
            SELECT last_seq + row_number() OVER (ORDER BY hour, tenant_id, meter), tenant_id, hour, meter, amount, $2, greatest($3, open_day)
            FROM taken CROSS JOIN ledger_state
            RETURNING day)
        UPDATE ledger_state SET last_seq = last_seq + added.rows, open_day = added.day
        FROM (SELECT count(*) AS rows, max(day) AS day FROM posted) AS added
        WHERE added.rows > 0
        RETURNING added.rows
        """;

    /// <summary>Posts everything that is due, in transactions of some thousand rows.</summary>
    public async Task PostAsync(CancellationToken cancellation)
    {
        while (await PostSomeAsync(cancellation) == Most)
        {
        }
    }

    private async Task<long> PostSomeAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var turn = await connection.BeginLedgerTurnAsync(cancellation);
        if (turn is null)
        {
            return 0;
        }

        var now = clock.NowInMicros();
        await using var post = new NpgsqlCommand(s_post, connection, turn)
        {
            Parameters =
            {
                new() { Value = now - Patience - TimeSpan.FromHours(1) },
                new() { Value = now },
                new() { Value = DateOnly.FromDateTime(now) },
            },
        };
        var rows = await post.ExecuteScalarAsync(cancellation) as long? ?? 0;
        await turn.CommitAsync(cancellation);
        return rows;
    }
}
