using System.Globalization;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.Extensions.Options;
using Npgsql;

namespace EasySmart.TelemetryQuery.Limits;

/// <summary>What one statement may take of the database, which others write to: so much time and one process. And the answer when it was not enough.</summary>
internal sealed class Statements(IOptions<QueryLimitOptions> options) : IExceptionHandler
{
    /// <summary>Has PostgreSQL itself hold every statement of these connections to it.</summary>
    public static void Bound(IServiceProvider services, NpgsqlConnectionStringBuilder connection)
    {
        var seconds = services.GetRequiredService<IOptions<QueryLimitOptions>>().Value.StatementSeconds;
        // Memory for the million numbers that p95 sorts, one query at a time (HeavyReads).
        connection.Options = string.Create(
            CultureInfo.InvariantCulture, $"{connection.Options} -c statement_timeout={seconds}s -c max_parallel_workers_per_gather=0 -c work_mem=64MB").Trim();
        // The driver gives up only when the server has not.
        connection.CommandTimeout = seconds + 5;
    }

    /// <summary>504 for a statement that was ended for its length. (The other reason for this SQLSTATE, a client that left, gets no answer.)</summary>
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not PostgresException { SqlState: PostgresErrorCodes.QueryCanceled })
        {
            return false;
        }

        await ErrorEnvelope.WriteAsync(
            httpContext,
            StatusCodes.Status504GatewayTimeout,
            $"The query took longer than the {options.Value.StatementSeconds} s that it may: ask for a shorter range or a larger bucket");
        return true;
    }
}
