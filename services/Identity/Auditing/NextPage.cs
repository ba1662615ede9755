using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.Identity.Auditing;

/// <summary>Pages of a list, alike on the routes of the audit.</summary>
internal static class NextPage
{
    public const int DefaultLimit = 100;
    public const int MaxLimit = 1000;
    public const string Limit = "1 to 1000; 100 when absent";
    public const string Cursor = "As the Link header of the page before gave it";

    public static ProblemResult? RefuseLimit(int? limit) =>
        limit is < 1 or > MaxLimit ? Problem.BadRequest("limit", $"Must be from 1 to {MaxLimit}") : null;

    /// <summary>Drops what was read past <paramref name="limit"/>, and when there was any, tells where the next page is.</summary>
    public static List<T> Cut<T>(List<T> read, int limit, HttpResponse response, Func<T, string> cursor)
    {
        if (read.Count > limit)
        {
            read.RemoveRange(limit, read.Count - limit);
            response.LinkNext(cursor(read[^1]));
        }

        return read;
    }
}
