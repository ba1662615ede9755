using EasySmart.Ingestion.Devices;
using Npgsql;

namespace EasySmart.Ingestion.Quotas;

/// <summary>The table <c>device_minutes</c>, as an instance reads it that is started in the middle of a minute.</summary>
internal static class MinuteRows
{
    /// <summary>Lets the known devices' windows go on from what this minute has seen; one that is over ends by itself.</summary>
    public static async Task ResumeAsync(NpgsqlConnection connection, DeviceDirectory directory, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            "SELECT device_id, tenant_id, minute, messages, refused, level FROM device_minutes WHERE minute > now() - interval '2 minutes'", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            if (directory.Find(reader.GetGuid(0)) is { } device && device.TenantId == reader.GetGuid(1))
            {
                device.Minute.Resume(new MinuteRow(
                    MinuteWindow.MinuteOf(reader.GetDateTime(2)), reader.GetInt64(3), reader.GetInt64(4), reader.GetInt16(5)));
            }
        }
    }
}
