using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace EasySmart.TelemetryQuery.Aggregates;

/// <summary>What is told of one bucket: its beginning, and of the functions those that were asked for; null where it has no number.</summary>
public sealed record AggregatePoint
{
    private readonly AggregateFunctions _asked;

    internal AggregatePoint(AggregateFunctions asked) => _asked = asked;

    /// <summary>Beginning of the bucket, also when that is before the range.</summary>
    public DateTimeOffset Time { get; init; }

    /// <summary>The mean.</summary>
    /// <example>23.5</example>
    public double? Avg { get; init; }

    /// <summary>The least number.</summary>
    /// <example>22.1</example>
    public double? Min { get; init; }

    /// <summary>The greatest number.</summary>
    /// <example>24.9</example>
    public double? Max { get; init; }

    /// <summary>The sum; 0 for none.</summary>
    /// <example>14100</example>
    public double? Sum { get; init; }

    /// <summary>How many numbers; readings that are none are not counted.</summary>
    /// <example>600</example>
    public long? Count { get; init; }

    /// <summary>The number of the earliest reading.</summary>
    /// <example>23.1</example>
    public double? First { get; init; }

    /// <summary>The number of the latest reading.</summary>
    /// <example>23.9</example>
    public double? Last { get; init; }

    /// <summary>The 95th percentile, on the line between the numbers beside it.</summary>
    /// <example>24.7</example>
    public double? P95 { get; init; }

    /// <summary>A null that was asked for is told; a member that was not is absent.</summary>
    internal static void OnlyAsked(JsonTypeInfo type)
    {
        if (type.Type != typeof(AggregatePoint))
        {
            return;
        }

        foreach (var property in type.Properties)
        {
            if (FunctionNames.Read(property.Name) is var function and not AggregateFunctions.None)
            {
                property.ShouldSerialize = (point, _) => ((AggregatePoint)point)._asked.HasFlag(function);
            }
        }
    }
}
