using System.Data;
using Npgsql;

namespace EasySmart.BillingQuota.Ledger;

/// <summary>The <c>verify</c> command: proves the ledger, as the role of <c>ConnectionStrings:DatabaseOwner</c>, and needs nothing else.</summary>
internal static class VerifyLedger
{
    /// <returns>The process's exit code: 0 when the ledger is as it was written.</returns>
    public static async Task<int> RunAsync()
    {
        var owner = Host.CreateApplicationBuilder().Configuration.GetConnectionString("DatabaseOwner")
            ?? throw new InvalidOperationException("ConnectionStrings:DatabaseOwner is not configured; `verify` needs the owner role");
        await using var source = NpgsqlDataSource.Create(owner);
        var verdict = await CheckAsync(source, CancellationToken.None);
        await (verdict.Holds ? Console.Out : Console.Error).WriteLineAsync(verdict.Says);
        return verdict.Holds ? 0 : 1;
    }

    /// <summary>Checks the whole ledger in one snapshot of the database; it is written to meanwhile.</summary>
    public static async Task<Verdict> CheckAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellation);
        var days = await LedgerReader.DaysAsync(transaction, cancellation);
        var end = await LedgerReader.EndAsync(transaction, cancellation);
        return await LedgerProof.CheckAsync(days, LedgerReader.RowsAsync(transaction, after: long.MinValue, day: null, cancellation), end, cancellation);
    }
}
