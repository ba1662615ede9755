using System.ComponentModel.DataAnnotations;
using System.Runtime.CompilerServices;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;
using EasySmart.TelemetryQuery.History;
using EasySmart.TelemetryQuery.Values;
using Npgsql;

namespace EasySmart.TelemetryQuery.Export;

/// <summary>
/// <c>GET /telemetry/export</c>: the readings of a range as a file, of any length: slots ascending, in each the oldest first. <c>csv</c> has
/// the columns <c>timestamp,slot,value,payload</c>: the number, and the payload's JSON where it says more than a number and its time.
/// <c>ndjson</c> has a line for each reading, as in history's items. <c>parquet</c> has csv's columns. A file that broke off ends without
/// the end that HTTP gives it (the last chunk): csv and ndjson go on after their last whole line by <c>cursor</c>, with the same
/// <c>from</c> and <c>to</c>.
/// </summary>
internal static class ExportReadings
{
    private const string Sql =
        $"""
        SELECT d.device_id, d.device_label,
            ARRAY(SELECT l.slot FROM tenant.latest l WHERE l.device_id = d.device_id AND (l.slot = $3 OR $3 IS NULL) ORDER BY l.slot)
        FROM tenant.devices d
        WHERE {DeviceSelector.Where}
        """;

    /// <param name="format">csv, ndjson or parquet. <example>csv</example></param>
    /// <param name="slot">Only this slot, from 0 to 32767; all when absent. <example>0</example></param>
    /// <param name="cursor">
    /// Go on after a reading: <c>slot@timestamp</c> as they stand in the last whole line that came. csv then has no heading.
    /// <example>0@2026-02-15T12:30:00Z</example>
    /// </param>
    public static async Task<IResult> HandleAsync(
        TenantScope tenant, [AsParameters] DeviceSelector device, [AsParameters] RangeQuery range, string format, [Range(0, short.MaxValue)] short? slot,
        string? cursor, NpgsqlDataSource database, ExportCount count, TimeProvider clock, CancellationToken cancellation)
    {
        var refused = range.Refuse(clock.GetUtcNow(), out var asked);
        if ((device.Fault ?? refused) is { } fault)
        {
            return fault;
        }

        if (ExportFormat.Find(format) is not { } form)
        {
            return Problem.BadRequest("format", "Must be csv, ndjson or parquet");
        }

        var place = cursor is null ? null : ExportCursor.Read(cursor);
        if (cursor is not null && (place is null || !form.GoesOn || (slot is { } only && place.Slot != only)))
        {
            return Problem.BadRequest("cursor", form.GoesOn ? "Must be slot@timestamp of a line in this file" : $"{form.Name} cannot go on: take a shorter range");
        }

        if (await FindAsync(database, tenant.Id, device, slot, cancellation) is not { } found)
        {
            return DeviceSelector.NotFound;
        }

        // The first piece before the answer begins: what is wrong by then is still told as an error.
        var pieces = ReadAsync(database, tenant.Id, found, asked, place, cancellation).GetAsyncEnumerator(cancellation);
        var any = await pieces.MoveNextAsync();
        await count.AddAsync(tenant.Id, cancellation);
        return new ExportFile(form, ExportName.Of(found.Label ?? "", found.Id, asked, form), pieces, any, goesOn: place is not null);
    }

    private static async IAsyncEnumerable<Piece> ReadAsync(
        NpgsqlDataSource database, Guid tenant, Exported device, TimeRange range, ExportCursor? place, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var readings = new List<StoredReading>();
        foreach (var slot in device.Slots.Where(slot => place is null || slot >= place.Slot))
        {
            var left = slot == place?.Slot ? range.After(place.Time) : range;
            var reader = new SeriesReader(database, tenant, device.Id, slot, left, newestFirst: false);
            while (!reader.AtEnd)
            {
                readings.Clear();
                await reader.ReadAsync(readings, int.MaxValue, cancellation);
                if (readings.Count > 0)
                {
                    yield return new Piece(slot, readings);
                }
            }
        }
    }

    private static async Task<Exported?> FindAsync(
        NpgsqlDataSource database, Guid tenant, DeviceSelector device, short? slot, CancellationToken cancellation)
    {
        var query = new NpgsqlBatchCommand(Sql);
        device.AddTo(query);
        query.Parameters.Add(new NpgsqlParameter<short?> { TypedValue = slot });
        await using var reader = await database.QueryTenantAsync(tenant, query, cancellation);
        return await reader.ReadAsync(cancellation)
            ? new Exported(reader.GetGuid(0), await reader.IsDBNullAsync(1, cancellation) ? null : reader.GetString(1), reader.GetFieldValue<short[]>(2))
            : null;
    }

    private sealed record Exported(Guid Id, string? Label, short[] Slots);
}
