using EasySmart.ServiceDefaults.Errors;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>
/// Wrong claim codes, by tenant and device: after five, each next one makes the tenant wait twice as long, from 30 s to 15 minutes, before it
/// may try this device again. Another tenant is not concerned, or anybody could keep a device from its owner. Counted in the database, under
/// the device's lock: all instances count together. A day without a try forgives.
/// </summary>
public static class ClaimAttempts
{
    private const int Free = 5;
    private static readonly TimeSpan First = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Remembered = TimeSpan.FromDays(1);

    /// <summary>The answer while the tenant has to wait, whatever code it shows; null when it may try.</summary>
    public static async Task<SlowedDown?> SlowedAsync(DevicesDb db, Guid tenant, Guid device, DateTimeOffset now, CancellationToken cancellation)
    {
        var attempts = await db.Database.SqlQuery<Attempts>(
            $"SELECT failures, next_at, told FROM claim_attempts WHERE tenant_id = {tenant} AND device_id = {device} AND next_at > {now}")
            .SingleOrDefaultAsync(cancellation);
        if (attempts is null)
        {
            return null;
        }

        if (!attempts.Told)
        {
            await db.Database.ExecuteSqlAsync($"UPDATE claim_attempts SET told = true WHERE tenant_id = {tenant} AND device_id = {device}", cancellation);
        }

        var wait = Math.Max(1, (int)Math.Ceiling((attempts.NextAt - now).TotalSeconds));
        var details = new LimitDetails("claim_attempts", Free, attempts.Failures, (int)Longest.TotalSeconds);
        return new SlowedDown(Problem.RateLimited($"Too many wrong claim codes for this device; wait {wait} s", details, wait), attempts.Failures, !attempts.Told);
    }

    /// <summary>Counts a wrong code. Returns how many there are now.</summary>
    public static async Task<int> FailedAsync(DevicesDb db, Guid tenant, Guid device, DateTimeOffset now, CancellationToken cancellation) =>
        (await db.Database.SqlQuery<int>(
            $"""
            INSERT INTO claim_attempts AS a (tenant_id, device_id, failures, next_at) VALUES ({tenant}, {device}, 1, {now})
            ON CONFLICT (tenant_id, device_id) DO UPDATE SET
                failures = CASE WHEN a.next_at < {now - Remembered} THEN 1 ELSE least(a.failures + 1, 1000000) END,
                next_at = CASE WHEN a.next_at < {now - Remembered} OR a.failures + 1 < {Free} THEN {now}
                    ELSE {now} + least({First} * 2 ^ least(a.failures + 1 - {Free}, 20), {Longest}) END,
                told = false
            RETURNING failures AS "Value"
            """).ToListAsync(cancellation)).Single();

    /// <summary>The code was right: who mistyped before starts anew.</summary>
    public static Task ForgetAsync(DevicesDb db, Guid tenant, Guid device, CancellationToken cancellation) =>
        db.Database.ExecuteSqlAsync($"DELETE FROM claim_attempts WHERE tenant_id = {tenant} AND device_id = {device}", cancellation);

    private sealed record Attempts(int Failures, DateTimeOffset NextAt, bool Told);
}

/// <summary>A tenant that has to wait.</summary>
/// <param name="Answer">The 429.</param>
/// <param name="Failures">How many wrong codes it tried.</param>
/// <param name="IsNew">Whether this is the first refusal since the last of them: the only one that is recorded.</param>
public sealed record SlowedDown(ProblemResult Answer, int Failures, bool IsNew);
