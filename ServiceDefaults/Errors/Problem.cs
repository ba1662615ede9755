using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace EasySmart.ServiceDefaults.Errors;

/// <summary>Expected failures, as results that a handler returns.</summary>
public static class Problem
{
    /// <summary>400, one field at fault.</summary>
    public static ProblemResult BadRequest(string field, string message) =>
        new(400, message, new Dictionary<string, string[]> { [field] = [message] });

    /// <summary>400, no single field at fault.</summary>
    public static ProblemResult BadRequest(string message) => new(400, message);

    /// <summary>401: the caller is not who it says, or the credential is spent.</summary>
    public static ProblemResult Unauthorized(string message, object? details = null) => new(401, message, details);

    /// <summary>403: the caller is known and may not.</summary>
    public static ProblemResult Forbidden(string message) => new(403, message);

    /// <summary>404: also the answer for what belongs to another tenant.</summary>
    public static ProblemResult NotFound(string message) => new(404, message);

    /// <summary>409: the state does not allow it.</summary>
    public static ProblemResult Conflict(string message) => new(409, message);

    /// <summary>429 with <c>Retry-After</c>; <paramref name="limit"/> explains it.</summary>
    public static ProblemResult RateLimited(string message, LimitDetails limit, int retryAfterSeconds) =>
        new(429, message, limit, RetryAfter: retryAfterSeconds);

    /// <summary>429 <c>quota_exceeded</c>: the plan's quota is the reason.</summary>
    public static ProblemResult QuotaExceeded(string message, LimitDetails limit, int retryAfterSeconds) =>
        new(429, message, limit, "quota_exceeded", retryAfterSeconds);

    /// <summary>503 with <c>Retry-After</c>.</summary>
    public static ProblemResult Unavailable(string message, int retryAfterSeconds = 5) => new(503, message, RetryAfter: retryAfterSeconds);
}

/// <summary>What a 429 says about the limit that was met.</summary>
/// <param name="Limit">The limit's name.</param>
/// <param name="Max">How much it allows in one window.</param>
/// <param name="Used">How much is used.</param>
/// <param name="WindowSeconds">Length of the window in seconds; 0 for a stock such as devices or storage.</param>
public sealed record LimitDetails(string Limit, long Max, long Used, int WindowSeconds);

/// <summary>An error answer in the envelope. Made by <see cref="Problem"/>.</summary>
public sealed record ProblemResult(int Status, string Message, object? Details = null, string? Code = null, int? RetryAfter = null)
    : IResult, IStatusCodeHttpResult
{
    /// <inheritdoc/>
    public int? StatusCode => Status;

    /// <inheritdoc/>
    public Task ExecuteAsync(HttpContext httpContext)
    {
        if (RetryAfter is { } seconds)
        {
            httpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        return ErrorEnvelope.WriteAsync(httpContext, Status, Message, Details, Code);
    }
}
