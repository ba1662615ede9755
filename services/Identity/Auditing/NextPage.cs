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
}
