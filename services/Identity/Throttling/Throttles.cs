using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.Throttling;

/// <summary>
/// Limits attempts by address, and by address and e-mail together with a delay that grows; never by the e-mail alone, or anybody could
/// lock its owner out. Counted in the database: a restart forgets nothing, and all instances count together.
/// </summary>
internal sealed class Throttles(ThrottleLimits limits, TimeProvider clock)
{
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(15);

    /// <summary>Counts an attempt at the routes where people prove who they are. Returns the answer when it is one too many.</summary>
    public Task<ProblemResult?> RefuseAsync(IdentityDb db, Caller caller, CancellationToken cancellation) =>
        TakeAsync(db, caller, null, "auth", limits.Address, "Too many attempts from this address", cancellation);

    /// <summary>Counts an attempt from this address for this e-mail. Returns the answer when it comes too soon.</summary>
    public Task<ProblemResult?> RefuseAsync(IdentityDb db, Caller caller, string email, CancellationToken cancellation) =>
        TakeAsync(db, caller, email, "auth_email", limits.AddressAndEmail, "Too many attempts for this e-mail", cancellation);

    /// <summary>Counts an account made from this address, within the transaction that makes it. Returns the answer when it is one too many.</summary>
    public Task<ProblemResult?> RefuseRegistrationAsync(IdentityDb db, Caller caller, CancellationToken cancellation) =>
        TakeAsync(db, caller, null, "registrations", limits.Registrations, "Too many accounts were made from this address", cancellation);

    /// <summary>
    /// The attempt failed. After as many failures as the limit allows attempts, each further one doubles the wait before the next, from 1 s
    /// to 15 minutes: whoever guesses slowly enough to stay below the limit is slowed down too.
    /// </summary>
    public async Task FailedAsync(IdentityDb db, Caller caller, string email, CancellationToken cancellation)
    {
        var (key, now) = (Key("auth_email", caller, email), clock.GetMoment());
        await db.Database.ExecuteSqlAsync(
            $"""
            UPDATE throttles SET failures = failures + 1, blocked_until = CASE WHEN failures + 1 >= {limits.AddressAndEmail.PermitLimit}
                THEN {now} + least(interval '1 second' * 2 ^ least(failures + 1 - {limits.AddressAndEmail.PermitLimit}, 20), {LongestDelay}) END
            WHERE key = {key}
            """,
            cancellation);
    }

    /// <summary>The attempt succeeded: who mistyped before starts anew.</summary>
    public static async Task SucceededAsync(IdentityDb db, Caller caller, string email, CancellationToken cancellation)
    {
        var key = Key("auth_email", caller, email);
        await db.Database.ExecuteSqlAsync(
            $"UPDATE throttles SET failures = 0, blocked_until = NULL WHERE key = {key} AND failures > 0", cancellation);
    }

    private async Task<ProblemResult?> TakeAsync(
        IdentityDb db, Caller caller, string? email, string name, RateLimitOptions limit, string message, CancellationToken cancellation)
    {
        var (key, now) = (Key(name, caller, email ?? ""), clock.GetMoment());
        var ends = now.AddSeconds(limit.WindowSeconds);
        // One statement: of two attempts at once, on whatever instances, each sees the other.
        var taken = (await db.Database.SqlQuery<Taken>(
            $"""
            INSERT INTO throttles AS t (key, window_ends, used) VALUES ({key}, {ends}, 1)
            ON CONFLICT (key) DO UPDATE SET
                used = CASE WHEN t.window_ends <= {now} THEN 1 ELSE least(t.used + 1, 1000000000) END,
                window_ends = CASE WHEN t.window_ends <= {now} THEN {ends} ELSE t.window_ends END
            RETURNING used, window_ends, failures, blocked_until
            """).ToListAsync(cancellation)).Single();
        var tooMany = taken.Used > limit.PermitLimit;
        // The first refusal of a window is recorded: more would let who is refused fill the audit.
        if (taken.Used == limit.PermitLimit + 1 || (!tooMany && taken.BlockedUntil > now && taken.Used == 1))
        {
            var named = EmailAddress.TryRead(email, out var address) ? address : null;
            db.Publish(caller.Audit(clock, "auth.throttled", "attempt", "denied", new { limit = name, email = named }) with { Severity = "warning" });
            await db.SaveChangesAsync(cancellation);
        }

        if (tooMany)
        {
            return Refusal(taken.WindowEnds - now, new LimitDetails(name, limit.PermitLimit, limit.PermitLimit, limit.WindowSeconds));
        }

        return taken.BlockedUntil > now
            ? Refusal(taken.BlockedUntil.Value - now, new LimitDetails($"{name}_failures", limit.PermitLimit, taken.Failures, (int)LongestDelay.TotalSeconds))
            : null;

        ProblemResult Refusal(TimeSpan wait, LimitDetails details)
        {
            var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
            return Problem.RateLimited(string.Create(CultureInfo.InvariantCulture, $"{message}; wait {seconds} s"), details, seconds);
        }
    }

    // Hashed: unlike sessions and the audit, this table has no need to know who it was.
    private static byte[] Key(string limit, Caller caller, string email = "") =>
        SHA256.HashData(Encoding.UTF8.GetBytes($"{limit}\n{Network(caller.ClientIp)}\n{email.Trim().ToLowerInvariant()}"));

    // Whoever has one IPv6 address has all of its /64.
    private static string Network(string? address) =>
        IPAddress.TryParse(address, out var ip) && ip.AddressFamily == AddressFamily.InterNetworkV6
            ? Convert.ToHexString(ip.GetAddressBytes().AsSpan(0, 8))
            : address ?? "";

    private sealed record Taken(int Used, DateTimeOffset WindowEnds, int Failures, DateTimeOffset? BlockedUntil);
}
