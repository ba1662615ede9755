using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace EasySmart.Ingestion.Rejected;

/// <summary><c>GET /telemetry/rejections</c>: why messages were refused, one entry for each device and reason, newest first.</summary>
internal static class ListRejections
{
    private const int DefaultLimit = 100;
    private static readonly TimeSpan DefaultWindow = TimeSpan.FromHours(24);

    // The samples are fetched for the page only.
    private const string Sql =
        """
        SELECT page.*, newest.topic, newest.sample
        FROM (
            SELECT device_id, reason, sum(count)::bigint, min(minute), max(last_at) AS last_at
            FROM rejections
            WHERE tenant_id = $1 AND minute >= date_trunc('minute', $2) AND (device_id = $3 OR $3 IS NULL) AND (reason = $4 OR $4 IS NULL)
            GROUP BY device_id, reason
            HAVING $5::timestamptz IS NULL OR (max(last_at), device_id, reason) < ($5, $6, $7)
            ORDER BY max(last_at) DESC, device_id DESC, reason DESC
            LIMIT $8) AS page
        CROSS JOIN LATERAL (
            SELECT topic, sample FROM rejections r
            WHERE r.tenant_id = $1 AND r.device_id = page.device_id AND r.reason = page.reason
            ORDER BY minute DESC LIMIT 1) AS newest
        ORDER BY page.last_at DESC, page.device_id DESC, page.reason DESC
        """;

    /// <param name="limit">Most that one page holds, from 1 to 1000; 100 when absent.</param>
    /// <param name="cursor">From the <c>Link</c> of the page before.</param>
    public static async Task<Results<Ok<List<RejectionSummary>>, ProblemResult>> HandleAsync(
        TenantScope tenant, [AsParameters] RejectionFilter filter, [Range(1, 1000)] int? limit, string? cursor, NpgsqlDataSource database,
        TimeProvider clock, HttpResponse response, CancellationToken cancellation)
    {
        RejectionCursor? after = null;
        if (cursor is not null && (after = RejectionCursor.Read(cursor)) is null)
        {
            return Problem.BadRequest("cursor", "Must be one that a Link header gave");
        }

        if (filter.Refuse() is { } refused)
        {
            return refused;
        }

        var device = filter.NamesDevice ? await filter.FindDeviceAsync(database, tenant.Id, cancellation) : null;
        if (filter.NamesDevice && device is null)
        {
            return RejectionFilter.NotFound;
        }

        var most = limit ?? DefaultLimit;
        var query = new NpgsqlBatchCommand(Sql)
        {
            Parameters =
            {
                new() { Value = tenant.Id },
                new() { Value = (filter.Since ?? clock.GetUtcNow() - DefaultWindow).UtcDateTime },
                new NpgsqlParameter<Guid?> { TypedValue = device },
                new NpgsqlParameter<string?> { TypedValue = filter.Reason },
                new NpgsqlParameter<DateTime?> { TypedValue = after?.LastAt.UtcDateTime },
                new NpgsqlParameter<Guid?> { TypedValue = after?.DeviceId },
                new NpgsqlParameter<string?> { TypedValue = after?.Reason },
                new() { Value = most + 1 },
            },
        };
        var entries = new List<RejectionSummary>();
        await using var reader = await database.QueryTenantAsync(tenant.Id, query, cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            var sample = SampleText.Of(reader.GetFieldValue<byte[]>(6), out var encoding);
            entries.Add(new RejectionSummary(
                reader.GetGuid(0), reader.GetString(1), RejectionReasons.Explain(reader.GetString(1)), reader.GetInt64(2),
                reader.GetFieldValue<DateTimeOffset>(3), reader.GetFieldValue<DateTimeOffset>(4), reader.GetString(5), sample, encoding));
        }

        return TypedResults.Ok(Paging.Cut(entries, most, response, e => new RejectionCursor(e.LastAt, e.DeviceId, e.Reason).ToString()));
    }
}

/// <summary>A device's messages that were refused for one reason.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Reason">Why, for programs. <example>bad_json</example></param>
/// <param name="Message">Why, for people. <example>The payload is not JSON</example></param>
/// <param name="Count">How many messages or readings. <example>12</example></param>
/// <param name="FirstAt">The minute of the first one.</param>
/// <param name="LastAt">Arrival of the last one.</param>
/// <param name="Topic">The sample's topic. <example>tenants/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70/devices/019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f71/telemetry/slot/0</example></param>
/// <param name="Sample">The beginning of a payload that was refused lately: at most 256 bytes. <example>{"value": 23,5}</example></param>
/// <param name="SampleEncoding"><c>base64</c> where the sample is not text; else absent. <example>base64</example></param>
public sealed record RejectionSummary(
    Guid DeviceId,
    string Reason,
    string Message,
    long Count,
    DateTimeOffset FirstAt,
    DateTimeOffset LastAt,
    string Topic,
    string Sample,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? SampleEncoding);
