using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Mvc;
using Npgsql;
using NpgsqlTypes;

namespace EasySmart.TelemetryQuery.Values;

/// <summary>The one device that a query is about, named by id or by label.</summary>
public sealed record DeviceSelector
{
    /// <summary>Finds the device in <c>tenant.devices d</c> by the two parameters of <see cref="AddTo"/>.</summary>
    internal const string Where = "(d.device_id = $1 OR d.device_label = $2) AND d.status IN ('claimed', 'active')";

    /// <summary>The device's id; either this or the label.</summary>
    [FromQuery(Name = "device_id")]
    public Guid? DeviceId { get; init; }

    /// <summary>The device's label; either this or the id.</summary>
    /// <example>pump-7</example>
    [FromQuery(Name = "device_label")]
    public string? DeviceLabel { get; init; }

    /// <summary>What is wrong with it; null when it names exactly one device.</summary>
    internal ProblemResult? Fault => (DeviceId is not null, !string.IsNullOrEmpty(DeviceLabel)) switch
    {
        (false, false) => Problem.BadRequest("device_id", "Either device_id or device_label is needed"),
        (true, true) => Problem.BadRequest("device_id", "Either device_id or device_label, not both"),
        // No label holds one, and PostgreSQL's text cannot.
        _ when DeviceLabel?.Contains('\0') is true => NotFound,
        _ => null,
    };

    /// <summary>
    /// The answer for a device that is unknown, another tenant's, or neither claimed nor active. Also for one that was provisioned some
    /// milliseconds ago: it is known here only once ingestion's replica has it.
    /// </summary>
    internal static ProblemResult NotFound => Problem.NotFound("Device not found or inactive");

    /// <summary>The device's id; null when the tenant has no such device, or it is inactive.</summary>
    internal async Task<Guid?> FindAsync(NpgsqlDataSource database, Guid tenant, CancellationToken cancellation)
    {
        var query = new NpgsqlBatchCommand($"SELECT d.device_id FROM tenant.devices d WHERE {Where}");
        AddTo(query);
        await using var reader = await database.QueryTenantAsync(tenant, query, cancellation);
        return await reader.ReadAsync(cancellation) ? reader.GetGuid(0) : null;
    }

    internal void AddTo(NpgsqlBatchCommand command)
    {
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Uuid, Value = (object?)DeviceId ?? DBNull.Value });
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)DeviceLabel ?? DBNull.Value });
    }
}
