using EasySmart.DeviceProvisioning.Commands;
using EasySmart.DeviceProvisioning.Presence;
using EasySmart.DeviceProvisioning.Sessions;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace EasySmart.DeviceProvisioning.Messages;

/// <summary>Stores what devices say, a batch in one transaction; devices in the order of their ids, then commands, as everywhere.</summary>
public sealed class MessageWriter([FromKeyedServices(DataSources.System)] NpgsqlDataSource database, SessionMetrics metrics)
{
    // What the broker had kept says how things stand, but not since when: it counts only where it says something else. Nor is it, or a last
    // will, a sign of life. Who says again and again that it is there is written down once a minute, as who sends readings is.
    private const string Report =
        """
        UPDATE devices d SET reported = s.status, reported_at = s.at, firmware_version = coalesce(s.firmware_version, d.firmware_version),
            last_seen_at = CASE WHEN s.status = 'online' AND NOT s.replayed THEN greatest(d.last_seen_at, s.at) ELSE d.last_seen_at END
        FROM unnest($1, $2, $3, $4, $5) s (device_id, at, status, firmware_version, replayed)
        WHERE d.id = s.device_id AND (d.reported_at IS NULL OR d.reported_at <= s.at) AND NOT (d.reported IS NOT DISTINCT FROM s.status
            AND (s.firmware_version IS NULL OR d.firmware_version IS NOT DISTINCT FROM s.firmware_version)
            AND (s.replayed OR (s.status = 'online' AND s.at < d.reported_at + interval '1 minute')))
        """;

    public async Task WriteAsync(IReadOnlyList<DeviceMessage> messages, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var owners = await transaction.LockOwnersAsync(messages.Select(message => message.Device), cancellation);
        var own = messages.Where(message => owners.TryGetValue(message.Device, out var owner) && owner.Tenant == message.Tenant).ToList();
        await ReportAsync(transaction, own.OfType<StatusReport>(), cancellation);
        await transaction.AnswerAsync([.. own.OfType<CommandAnswer>()], metrics, cancellation);
        await transaction.CommitAsync(cancellation);
        if (messages.Count > own.Count)
        {
            metrics.Message("not_its_tenants", messages.Count - own.Count);
        }
    }

    private static async Task ReportAsync(NpgsqlTransaction transaction, IEnumerable<StatusReport> reports, CancellationToken cancellation)
    {
        // The newest of each, with the firmware that it or an earlier one told.
        var newest = reports.GroupBy(report => report.Device).Select(of => of.Last() with
        {
            FirmwareVersion = of.LastOrDefault(report => report.FirmwareVersion is not null)?.FirmwareVersion,
        }).ToList();
        if (newest.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(Report, transaction.Connection, transaction)
        {
            Parameters =
            {
                new() { Value = newest.ConvertAll(report => report.Device) },
                new() { Value = newest.ConvertAll(report => report.At.ToUniversalTime()) },
                new() { Value = newest.ConvertAll(report => report.Status) },
                new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, Value = newest.ConvertAll(report => report.FirmwareVersion) },
                new() { Value = newest.ConvertAll(report => report.Replayed) },
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
