namespace EasySmart.Contracts.Quotas;

/// <summary>
/// How far a quota is used up, in the steps that are told of: 80 % and 100 %. A step is told of when it is reached, and again only after use
/// was five percentage points below it, so that use that goes to and fro around a step is told of once.
/// </summary>
public static class QuotaLevel
{
    /// <summary>No step is reached.</summary>
    public const int None = 0;

    /// <summary>Percent.</summary>
    public const int Warning = 80;

    /// <summary>Percent.</summary>
    public const int Full = 100;

    private const int Slack = 5;

    /// <summary>The level after <paramref name="level"/>, now that so much is used; higher means that a step was crossed and is to be told of.</summary>
    /// <param name="level">The level so far.</param>
    /// <param name="used">How much is used.</param>
    /// <param name="max">How much may be used, in the same unit; 0 means unlimited, of which there are no shares.</param>
    public static int Next(int level, long used, long max) =>
        max == 0 ? None
        : IsAtLeast(level >= Full ? Full - Slack : Full, used, max) ? Full
        : IsAtLeast(level >= Warning ? Warning - Slack : Warning, used, max) ? Warning
        : None;

    // Wide enough for a hundred times anything.
    private static bool IsAtLeast(int percent, long used, long max) => (Int128)used * 100 >= (Int128)max * percent;
}
