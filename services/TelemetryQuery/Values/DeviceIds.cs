using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.TelemetryQuery.Values;

/// <summary>Reads <c>device_ids</c>: ids separated by commas, in one parameter or several.</summary>
internal static class DeviceIds
{
    private const int Most = 200;

    /// <summary>The answer to what is no such list; null when it is one, with each id once.</summary>
    public static ProblemResult? Refuse(string[] texts, out IReadOnlyList<Guid> ids)
    {
        var distinct = new OrderedDictionary<Guid, bool>();
        ids = distinct.Keys;
        foreach (var text in texts.SelectMany(text => text.Split(',')))
        {
            if (!Guid.TryParseExact(text, "D", out var id))
            {
                return Problem.BadRequest("device_ids", "Must be device ids, separated by commas");
            }

            distinct.TryAdd(id, true);
        }

        return distinct.Count > Most ? Problem.BadRequest("device_ids", $"Must be at most {Most} devices; these are {distinct.Count}") : null;
    }
}
