using System.Linq.Expressions;

namespace EasySmart.Identity.ApiKeys;

/// <summary>A key as those see it who may know of it: everything but the key.</summary>
/// <param name="ApiKeyId">Names it in routes, events and the audit log.</param>
/// <param name="TenantId">Null for a platform-wide key.</param>
/// <param name="Name">What people call it. <example>Line 3 bridge</example></param>
/// <param name="Prefix">The key's first characters. <example>esk_8f1c7a52</example></param>
/// <param name="Scopes">The permissions that it holds.</param>
/// <param name="CreatedBy">The user who made it; null when it came from the configuration.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ExpiresAt">When it stops passing by itself; null for never.</param>
/// <param name="RevokedAt">When it was revoked.</param>
/// <param name="LastUsedAt">About when it was last used: a use is seen up to 90 seconds late.</param>
/// <param name="LastUsedIp">From which address that use came. <example>203.0.113.7</example></param>
public sealed record ApiKeyView(
    Guid ApiKeyId, Guid? TenantId, string Name, string Prefix, string[] Scopes, Guid? CreatedBy, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt,
    DateTimeOffset? RevokedAt, DateTimeOffset? LastUsedAt, string? LastUsedIp)
{
    /// <summary>Column by column: a caller's role may not read the hash.</summary>
    internal static Expression<Func<ApiKey, ApiKeyView>> Of { get; } = k => new ApiKeyView(
        k.Id, k.TenantId, k.Name, k.Prefix, k.Scopes, k.CreatedBy, k.CreatedAt, k.ExpiresAt, k.RevokedAt, k.LastUsedAt, k.LastUsedIp);
}

/// <summary>A new key with its text: shown here and never again.</summary>
/// <param name="ApiKeyId">Names it in routes, events and the audit log.</param>
/// <param name="Name">What people call it. <example>Line 3 bridge</example></param>
/// <param name="Prefix">The key's first characters.</param>
/// <param name="Key">The key itself, to be sent as <c>Authorization: Bearer …</c>. <example>esk_8f1c7a52…</example></param>
/// <param name="Scopes">The permissions that it holds.</param>
/// <param name="TenantId">Null for a platform-wide key.</param>
/// <param name="ExpiresAt">When it stops passing by itself; null for never.</param>
/// <param name="CreatedAt">When it was made.</param>
public sealed record NewApiKey(
    Guid ApiKeyId, string Name, string Prefix, string Key, string[] Scopes, Guid? TenantId, DateTimeOffset? ExpiresAt, DateTimeOffset CreatedAt)
{
    internal static NewApiKey Of(ApiKey key, string text) =>
        new(key.Id, key.Name, key.Prefix, text, key.Scopes, key.TenantId, key.ExpiresAt, key.CreatedAt);
}
