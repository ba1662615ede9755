using EasySmart.Ingestion.Parsing;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace EasySmart.Ingestion.Rejected;

/// <summary>Which refusals are asked for. What is absent excludes nothing.</summary>
public sealed record RejectionFilter
{
    /// <summary>Only this device's.</summary>
    [FromQuery(Name = "device_id")]
    public Guid? DeviceId { get; init; }

    /// <summary>Only those of the device with this label; either this or the id.</summary>
    /// <example>pump-7</example>
    [FromQuery(Name = "device_label")]
    public string? DeviceLabel { get; init; }

    /// <summary>Only those for this reason.</summary>
    /// <example>bad_json</example>
    [FromQuery(Name = "reason")]
    public string? Reason { get; init; }

    /// <summary>Only those since then (RFC 3339), to the minute; the last 24 hours when absent.</summary>
    [FromQuery(Name = "since")]
    public DateTimeOffset? Since { get; init; }

    internal bool NamesDevice => DeviceId is not null || DeviceLabel is not null;

    /// <summary>The answer for a device that is unknown or another tenant's. One that is suspended may well be asked about: that can be the reason.</summary>
    internal static ProblemResult NotFound => Problem.NotFound("Device not found or inactive");

    /// <summary>The answer to what cannot be asked; null when all can.</summary>
    internal ProblemResult? Refuse() => this switch
    {
        { DeviceId: not null, DeviceLabel: not null } => Problem.BadRequest("device_id", "Either device_id or device_label, not both"),
        { Reason: { } reason } when !RejectionReasons.All.Contains(reason) =>
            Problem.BadRequest("reason", $"Must be one of {string.Join(", ", RejectionReasons.All)}"),
        // No label holds one, and PostgreSQL's text cannot.
        { DeviceLabel: { } label } when label.Contains('\0') => NotFound,
        _ => null,
    };

    /// <summary>The device's id; null when the tenant has no such device.</summary>
    internal async Task<Guid?> FindDeviceAsync(NpgsqlDataSource database, Guid tenant, CancellationToken cancellation)
    {
        var query = new NpgsqlBatchCommand("SELECT device_id FROM devices WHERE tenant_id = $1 AND (device_id = $2 OR device_label = $3)")
        {
            Parameters =
            {
                new() { Value = tenant },
                new NpgsqlParameter<Guid?> { TypedValue = DeviceId },
                new NpgsqlParameter<string?> { TypedValue = DeviceLabel },
            },
        };
        await using var reader = await database.QueryTenantAsync(tenant, query, cancellation);
        return await reader.ReadAsync(cancellation) ? reader.GetGuid(0) : null;
    }
}
