namespace EasySmart.Ingestion.Rollups;

/// <summary>A quarter of an hour of one slot, by the microseconds since 1970 at which it begins.</summary>
internal readonly record struct Quarter(Guid Tenant, Guid Device, short Slot, long Start)
{
    public const long Micros = 15 * 60 * 1_000_000L;

    /// <summary>The beginning of the quarter that holds a time.</summary>
    public static long StartOf(long time) => time - (time % Micros + Micros) % Micros;
}
