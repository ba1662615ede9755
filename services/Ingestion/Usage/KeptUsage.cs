using System.Text.Json;
using EasySmart.Contracts.Ingestion;
using Npgsql;

namespace EasySmart.Ingestion.Usage;

/// <summary>What a commit used, as it leaves it to <see cref="UsageTeller"/>: a row that is there if and only if the commit is.</summary>
internal static class KeptUsage
{
    public static NpgsqlBatchCommand Of(IEnumerable<UsageEntry> entries) => new("INSERT INTO used (entries) VALUES ($1)")
    {
        Parameters = { new() { Value = JsonSerializer.Serialize(entries) } },
    };

    /// <summary>The same, run at once.</summary>
    public static async Task KeepAsync(this NpgsqlTransaction transaction, IEnumerable<UsageEntry> entries, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch(transaction.Connection, transaction) { BatchCommands = { Of(entries) } };
        await batch.ExecuteNonQueryAsync(cancellation);
    }
}
