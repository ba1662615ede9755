using Npgsql;

namespace EasySmart.Ingestion.Retention;

/// <summary>Whether an instance's clock is to be trusted with what cannot be taken back.</summary>
internal static class DatabaseTime
{
    private static readonly TimeSpan Most = TimeSpan.FromMinutes(1);

    /// <summary>By how much the clock differs from the database's, where that is more than a minute; null where it is not.</summary>
    public static async Task<TimeSpan?> DifferenceAsync(NpgsqlDataSource database, TimeProvider clock, CancellationToken cancellation)
    {
        await using var ask = database.CreateCommand("SELECT clock_timestamp()");
        var theirs = new DateTimeOffset((DateTime)(await ask.ExecuteScalarAsync(cancellation))!);
        var difference = clock.GetUtcNow() - theirs;
        return difference.Duration() > Most ? difference : null;
    }
}
