using System.ComponentModel.DataAnnotations;

namespace EasySmart.TelemetryQuery.Limits;

/// <summary>Section <c>QueryLimits</c>: what one tenant may have under way at once on one instance, and how long one statement may take.</summary>
internal sealed record QueryLimitOptions
{
    public const string Section = "QueryLimits";

    /// <summary>Queries. Well below the pool's connections, so that no tenant takes them all.</summary>
    [Range(1, 1000, ErrorMessage = "QueryLimits:Queries is from 1 to 1000")]
    public int Queries { get; init; } = 8;

    /// <summary>Queries that wait for one of those to end.</summary>
    [Range(0, 1000, ErrorMessage = "QueryLimits:QueuedQueries is from 0 to 1000")]
    public int QueuedQueries { get; init; } = 16;

    /// <summary>Seconds that they wait.</summary>
    [Range(1, 30, ErrorMessage = "QueryLimits:QueueSeconds is from 1 to 30")]
    public int QueueSeconds { get; init; } = 2;

    /// <summary>Exports.</summary>
    [Range(1, 1000, ErrorMessage = "QueryLimits:Exports is from 1 to 1000")]
    public int Exports { get; init; } = 2;

    /// <summary>Live streams.</summary>
    [Range(1, 100_000, ErrorMessage = "QueryLimits:Streams is from 1 to 100000")]
    public int Streams { get; init; } = 20;

    /// <summary>Seconds that one statement may take.</summary>
    [Range(1, 600, ErrorMessage = "QueryLimits:StatementSeconds is from 1 to 600")]
    public int StatementSeconds { get; init; } = 10;

    /// <summary>
    /// Of one processor's time that exports together may take on one instance, and as much again aggregates from the readings, in the long run
    /// (<see cref="HeavyReads"/>). On two processors that also store readings as fast as they can, 0.08 leaves those nine tenths, also beside a
    /// dashboard's other queries; 1 is no limit.
    /// </summary>
    [Range(0.01, 1, ErrorMessage = "QueryLimits:HeavyShare is from 0.01 to 1")]
    public double HeavyShare { get; init; } = 0.08;
}
