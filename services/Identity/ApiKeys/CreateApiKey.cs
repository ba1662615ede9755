using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auth;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity.ApiKeys;

/// <summary>The key to make.</summary>
public sealed record CreateApiKeyRequest
{
    /// <summary>What people call it.</summary>
    /// <example>Line 3 bridge</example>
    [Required(ErrorMessage = "Is needed"), StringLength(ApiKey.MaxNameLength, ErrorMessage = "Is longer than 100 characters")]
    [RegularExpression(@"[^\p{C}]+", ErrorMessage = "Must not hold control characters")]
    public string Name { get; init; } = "";

    /// <summary>The permissions that it is to hold.</summary>
    /// <example>["telemetry:read"]</example>
    [Required(ErrorMessage = "Are needed"), MinLength(1, ErrorMessage = "At least one is needed"), MaxLength(50, ErrorMessage = "Are too many")]
    public string[] Scopes { get; init; } = [];

    /// <summary>When it stops passing by itself; never when absent.</summary>
    /// <example>2099-02-15T00:00:00Z</example>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Whether it is a platform-wide key, which works in every tenant that it names; for super-admins, and without <c>tenant_id</c>.</summary>
    public bool? Platform { get; init; }
}

/// <summary><c>POST /api-keys</c>: a key for a program, shown this once.</summary>
internal static class CreateApiKey
{
    private const int MaxLiveKeys = 100;

    // Any constant: the first half of the lock that lets one after the other count a tenant's keys.
    private const int LockClass = 0x4170694B;

    public static async Task<Results<Created<NewApiKey>, ProblemResult>> HandleAsync(
        CreateApiKeyRequest request, KeysOf keys, Caller caller, TimeProvider clock, CancellationToken cancellation)
    {
        var now = clock.GetMoment();
        if (Refuse(request, keys, caller, now) is { } refusal)
        {
            return refusal;
        }

        var db = keys.Db;
        await using var transaction = await keys.BeginAsync(cancellation);
        if (await RefuseTenantAsync(db, keys.TenantId, now, cancellation) is { } problem)
        {
            return problem;
        }

        var text = ApiKey.NewText();
        var key = new ApiKey
        {
            TenantId = keys.TenantId,
            Name = request.Name.Trim(),
            Prefix = ApiKey.PrefixOf(text),
            Hash = OneTimeToken.HashOf(text),
            Scopes = request.Scopes,
            CreatedBy = caller.Id,
            CreatedAt = now,
            ExpiresAt = request.ExpiresAt?.ToUniversalTime() is { } until ? until.AddTicks(-(until.Ticks % TimeSpan.TicksPerMicrosecond)) : null,
        };
        db.Add(key);
        db.Publish(
            caller.Audit(clock, "api_key.created", "create", metadata: key.Described()).On(key.TenantId, "api_key", key.Id) with { Severity = "warning" },
            key.TenantId.EventKey());
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return TypedResults.Created((string?)null, NewApiKey.Of(key, text));
    }

    /// <summary>What the audit says of a key.</summary>
    internal static object Described(this ApiKey key) => new { name = key.Name, prefix = key.Prefix, scopes = key.Scopes, expires_at = key.ExpiresAt };

    private static ProblemResult? Refuse(CreateApiKeyRequest request, KeysOf keys, Caller caller, DateTimeOffset now)
    {
        if (string.IsNullOrWhiteSpace(request.Name))
        {
            return Problem.BadRequest("name", "Is needed");
        }

        return keys.Refuse(request.Platform, caller)
            ?? Scopes.Refuse(request.Scopes, keys.TenantId, caller)
            ?? (request.ExpiresAt <= now ? Problem.BadRequest("expires_at", "Must be in the future") : null);
    }

    private static async Task<ProblemResult?> RefuseTenantAsync(IdentityDb db, Guid? tenant, DateTimeOffset now, CancellationToken cancellation)
    {
        var name = tenant.ToString();
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({LockClass}, hashtext({name}))", cancellation);
        if (tenant is not null)
        {
            var status = await db.Tenants.Where(t => t.Id == tenant).Select(t => (AccountStatus?)t.Status).SingleOrDefaultAsync(cancellation);
            if (status != AccountStatus.Active)
            {
                return status is null or AccountStatus.Deleted ? Problem.NotFound("Tenant not found") : Problem.Conflict("The tenant is not active");
            }
        }

        var live = await db.ApiKeys.CountAsync(
            k => k.TenantId == tenant && k.RevokedAt == null && (k.ExpiresAt == null || k.ExpiresAt > now), cancellation);
        return live < MaxLiveKeys ? null : Problem.Conflict($"There are {MaxLiveKeys} live keys, which is the most; revoke one first");
    }
}
