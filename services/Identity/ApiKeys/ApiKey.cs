using System.Text.RegularExpressions;
using EasySmart.Identity.Tokens;

namespace EasySmart.Identity.ApiKeys;

/// <summary>A key that a program acts with. Its text is shown when it is made and is nowhere kept.</summary>
internal sealed partial class ApiKey
{
    public const int MaxNameLength = 100;
    private const string Marker = "esk_";
    private const int PrefixLength = 12;

    public Guid Id { get; init; } = Guid.CreateVersion7();

    /// <summary>Null for a platform-wide key.</summary>
    public Guid? TenantId { get; init; }

    public required string Name { get; init; }

    /// <summary>The beginning of the text, by which people tell keys apart.</summary>
    public required string Prefix { get; init; }

    public required byte[] Hash { get; init; }

    public required string[] Scopes { get; init; }

    /// <summary>The user who made it; null when it came from the configuration.</summary>
    public Guid? CreatedBy { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    public DateTimeOffset? RevokedAt { get; init; }

    public DateTimeOffset? LastUsedAt { get; init; }

    public string? LastUsedIp { get; init; }

    /// <summary>A new key's text: 256 random bits behind a marker that secret scanners can look for.</summary>
    public static string NewText() => Marker + OneTimeToken.New();

    public static string PrefixOf(string text) => text[..PrefixLength];

    public static bool IsText(string text) => Pattern().IsMatch(text);

    [GeneratedRegex(@"\Aesk_[A-Za-z0-9_-]{43}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
