using System.Text.Json;
using EasySmart.Contracts;
using EasySmart.Contracts.Auditing;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Messages;
using EasySmart.DeviceProvisioning.Sessions;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;
using NpgsqlTypes;

namespace EasySmart.DeviceProvisioning.Commands;

/// <summary>Commands come to their end: devices answer, or do not.</summary>
public static class CommandAnswers
{
    // The first answer counts. One that comes after the command had expired counts too if it had been sent: the device did it. That it was sent
    // may not be known yet: it is noted after the broker has it.
    private const string Answer =
        """
        UPDATE commands c SET state = CASE WHEN a.done THEN 'acknowledged' ELSE 'failed' END, finished_at = a.at, result = a.result::json,
            error = a.error, sent_at = coalesce(c.sent_at, a.at), due = 0
        FROM (SELECT c.id, a.done, a.at, a.result, a.error FROM unnest($1, $2, $3, $4, $5, $6, $7) a (id, tenant_id, device_id, done, at, result, error)
              JOIN commands c ON c.id = a.id AND c.device_id = a.device_id AND c.tenant_id = a.tenant_id
              WHERE c.state IN ('queued', 'sent') OR (c.state = 'expired' AND c.sent_at IS NOT NULL)
              ORDER BY c.number FOR UPDATE OF c) a
        WHERE c.id = a.id
        RETURNING c.id, c.tenant_id, c.device_id, c.name, c.state, c.finished_at
        """;

    /// <summary>Stores answers; those to no open command of that device change nothing.</summary>
    public static async Task AnswerAsync(
        this NpgsqlTransaction transaction, IReadOnlyList<CommandAnswer> answers, SessionMetrics metrics, CancellationToken cancellation)
    {
        var first = answers.DistinctBy(answer => (answer.Command, answer.Device)).ToList();
        if (first.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(Answer, transaction.Connection, transaction)
        {
            Parameters =
            {
                new() { Value = first.ConvertAll(answer => answer.Command) },
                new() { Value = first.ConvertAll(answer => answer.Tenant) },
                new() { Value = first.ConvertAll(answer => answer.Device) },
                new() { Value = first.ConvertAll(answer => answer.Done) },
                new() { Value = first.ConvertAll(answer => answer.At.ToUniversalTime()) },
                new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, Value = first.ConvertAll(answer => answer.Result) },
                new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, Value = first.ConvertAll(answer => answer.Error) },
            },
        };
        await transaction.FinishAsync(command, metrics, cancellation);
    }

    /// <summary>Runs what finishes commands, and tells the audit of each. Returns how many there were.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="finish">Returns id, tenant, device, name, state and time of those that it finished.</param>
    /// <param name="metrics">Counts them.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<int> FinishAsync(
        this NpgsqlTransaction transaction, NpgsqlCommand finish, SessionMetrics metrics, CancellationToken cancellation)
    {
        var finished = new List<AuditRecorded>();
        await using (var reader = await finish.ExecuteReaderAsync(cancellation))
        {
            while (await reader.ReadAsync(cancellation))
            {
                var state = reader.GetString(4);
                var record = DeviceChanges.ByItself(
                    reader.GetGuid(2), reader.GetGuid(1), reader.GetFieldValue<DateTimeOffset>(5), "device.command_finished", "finish", null) with
                {
                    Result = state == "acknowledged" ? "success" : "failed",
                    Metadata = JsonSerializer.SerializeToElement(new { command_id = reader.GetGuid(0), name = reader.GetString(3), state }),
                };
                finished.Add(state == "expired" ? record with { ActorType = "system", ActorId = null } : record);
                metrics.Command(state);
            }
        }

        if (finished.Count > 0)
        {
            await transaction.PublishAsync(finished.Select(record => ((IntegrationEvent)record, record.ResourceId!)), cancellation);
        }

        return finished.Count;
    }
}
