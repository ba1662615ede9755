namespace EasySmart.Ingestion.Quotas;

/// <summary>How far up a quota is used, in the steps that are told of.</summary>
internal static class QuotaLevel
{
    public const int Warning = 80;
    public const int Reached = 100;

    /// <summary>100, 80 or 0 percent; 0 also of what has no limit.</summary>
    public static int Of(long used, long max) => max == 0 ? 0 : used >= max ? Reached : used * 100 >= max * Warning ? Warning : 0;
}
