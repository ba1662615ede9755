using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace EasySmart.BillingQuota.Ledger;

/// <summary>A row of the ledger.</summary>
internal sealed record LedgerRow(long Seq, Guid TenantId, DateTime Hour, string Meter, long Amount, DateTime PostedAt, DateOnly Day);

/// <summary>A day of posting that is over. Without rows, <paramref name="LastSeq"/> is <paramref name="FirstSeq"/> - 1.</summary>
internal sealed record LedgerDay(DateOnly Day, long Rows, long FirstSeq, long LastSeq, byte[] PreviousHash, byte[] Hash);

/// <summary>The hash of one day, as its rows are read.</summary>
/// <remarks>
/// It is SHA-256 over the 32 bytes of the hash of the day before (zeros before the first) and, in UTF-8, the canonical text: a line for each
/// row in the order of <c>seq</c>, then one for the day, each ended by a line feed, its fields separated by a vertical bar:
/// <code>
/// row|seq|tenant_id|hour|meter|amount|posted_at
/// day|day|rows|first_seq|last_seq
/// row|17|0198c0de-0000-7000-8000-000000000001|2026-11-24T22:00:00.000000Z|messages|1234|2026-11-24T23:05:31.120345Z
/// day|2026-11-24|1|17|17
/// </code>
/// Numbers are decimal without separators, ids in lower case, times in UTC with six digits after the second. <c>day</c> of a row is that of
/// its day's line. When the day was closed is not in it, so that a closing that is done again comes to the same hash.
/// </remarks>
internal sealed class DayHash(byte[] previous) : IDisposable
{
    private const string Time = "yyyy-MM-ddTHH:mm:ss.ffffffZ";
    private readonly IncrementalHash _hash = Begin(previous);

    /// <summary>What stands for the day before the first.</summary>
    public static byte[] Origin { get; } = new byte[SHA256.HashSizeInBytes];

    public long Rows { get; private set; }

    public void Add(LedgerRow row)
    {
        Rows++;
        Append(string.Create(
            CultureInfo.InvariantCulture,
            $"row|{row.Seq}|{row.TenantId}|{row.Hour.ToString(Time, CultureInfo.InvariantCulture)}|{row.Meter}|{row.Amount}|{row.PostedAt.ToString(Time, CultureInfo.InvariantCulture)}\n"));
    }

    /// <summary>The day, sealed.</summary>
    public LedgerDay Close(DateOnly day, long firstSeq)
    {
        var lastSeq = firstSeq + Rows - 1;
        Append(string.Create(CultureInfo.InvariantCulture, $"day|{day:yyyy-MM-dd}|{Rows}|{firstSeq}|{lastSeq}\n"));
        return new LedgerDay(day, Rows, firstSeq, lastSeq, previous, _hash.GetHashAndReset());
    }

    public void Dispose() => _hash.Dispose();

    private static IncrementalHash Begin(byte[] previous)
    {
        var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(previous);
        return hash;
    }

    private void Append(string line) => _hash.AppendData(Encoding.UTF8.GetBytes(line));
}
