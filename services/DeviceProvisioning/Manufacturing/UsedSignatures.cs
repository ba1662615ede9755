using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>Remembers what passes once.</summary>
public static class UsedSignatures
{
    /// <summary>How long after its own time a signature is remembered, at least: longer than any instance's clock lets it pass.</summary>
    public static readonly TimeSpan Kept = 3 * SignedText.MaxSkew;

    /// <summary>False when it is remembered already. Of two at once one waits until the other's transaction ends.</summary>
    public static async Task<bool> TryAddAsync(
        DevicesDb db, string identity, string signedAt, string purpose, DateTimeOffset until, CancellationToken cancellation) =>
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO used_signatures (identity, signed_at, purpose, expires_at) VALUES ({identity}, {signedAt}, {purpose}, {until})
            ON CONFLICT DO NOTHING
            """,
            cancellation) == 1;
}
