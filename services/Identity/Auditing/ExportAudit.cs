using System.ComponentModel;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace EasySmart.Identity.Auditing;

/// <summary>
/// <c>GET /audit/export</c>: the same as a CSV file, however long. Read page by page, so that neither memory nor a database connection is
/// held for as long as a slow client takes; every export is recorded with what was asked and how many records left the house.
/// </summary>
internal static class ExportAudit
{
    private const int PageSize = 1000;

    public static async Task<Results<PushStreamHttpResult, ProblemResult>> HandleAsync(
        [AsParameters] AuditFilter filter, [FromQuery(Name = "tenant_id"), Description(AuditScope.Parameter)] string? tenantId,
        Caller caller, AuditLog log, NpgsqlDataSource database, TimeProvider clock, CancellationToken cancellation)
    {
        var (scope, refusal) = AuditScope.Of(caller, tenantId);
        refusal ??= filter.Refuse();
        if (refusal is not null)
        {
            return refusal;
        }

        // Before the answer begins: while the database is away, that is said instead.
        var page = await log.ReadAsync(scope, filter, null, PageSize, cancellation);
        var name = FormattableString.Invariant($"audit-{clock.GetUtcNow():yyyy-MM-dd'T'HHmmss'Z'}.csv");
        return TypedResults.Stream(WriteAsync, "text/csv; charset=utf-8; header=present", name);

        async Task WriteAsync(Stream body)
        {
            var (rows, result) = (0L, "failed");
            try
            {
                await using var csv = new AuditCsv(body);
                await csv.WriteHeaderAsync();
                while (true)
                {
                    foreach (var entry in page)
                    {
                        await csv.WriteAsync(entry);
                        rows++;
                    }

                    await csv.FlushAsync(cancellation);
                    if (page.Count < PageSize)
                    {
                        break;
                    }

                    page = await log.ReadAsync(scope, filter, page[^1].Place, PageSize, cancellation);
                }

                result = "success";
            }
            finally
            {
                // Also of one that broke off: what was sent is out. Not with the request's cancellation, which is then why.
                await RecordAsync(rows, result);
            }
        }

        async Task RecordAsync(long rows, string result)
        {
            var metadata = new { scope = scope.Chain?.ToString() ?? "all", filter = filter.Asked(), rows };
            var record = caller.Audit(clock, "audit.exported", "export", result, metadata) with
            {
                TenantId = scope.Chain?.TenantId,
                Severity = "warning",
                ResourceType = "audit",
            };
            await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
            await using var transaction = await connection.BeginTransactionAsync(CancellationToken.None);
            await transaction.PublishAsync(record, record.TenantId?.ToString() ?? "", CancellationToken.None);
            await transaction.CommitAsync(CancellationToken.None);
        }
    }
}
