namespace EasySmart.TelemetryQuery.Aggregates;

/// <summary>What is made of a bucket's numbers.</summary>
[Flags]
internal enum AggregateFunctions
{
    None = 0,
    Avg = 1,
    Min = 2,
    Max = 4,
    Sum = 8,
    Count = 16,
    First = 32,
    Last = 64,

    /// <summary>The 95th percentile, on the line between the two numbers that it lies between.</summary>
    P95 = 128,

    Usual = Avg | Min | Max | Count,
}

internal static class FunctionNames
{
    private static readonly Dictionary<string, AggregateFunctions> s_byName = new()
    {
        ["avg"] = AggregateFunctions.Avg,
        ["min"] = AggregateFunctions.Min,
        ["max"] = AggregateFunctions.Max,
        ["sum"] = AggregateFunctions.Sum,
        ["count"] = AggregateFunctions.Count,
        ["first"] = AggregateFunctions.First,
        ["last"] = AggregateFunctions.Last,
        ["p95"] = AggregateFunctions.P95,
    };

    public static string All { get; } = string.Join(", ", s_byName.Keys);

    /// <summary>Reads <c>avg,max</c>; none when a name is not one of them.</summary>
    public static AggregateFunctions Read(string text)
    {
        var asked = AggregateFunctions.None;
        foreach (var name in text.Split(','))
        {
            if (!s_byName.TryGetValue(name, out var function))
            {
                return AggregateFunctions.None;
            }

            asked |= function;
        }

        return asked;
    }
}
