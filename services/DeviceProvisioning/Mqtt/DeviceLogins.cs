using System.Security.Cryptography;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>Devices that log in to the broker, asked of the database: one round trip, by primary key or unique label.</summary>
public sealed partial class DeviceLogins(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, EarlierSecrets earlier, TimeProvider clock, ILogger<DeviceLogins> logger)
{
    private const string Select =
        """
        SELECT d.id, d.tenant_id, d.status, coalesce(t.status, 'active') = 'active', c.id, c.secret_sha256, c.secret_bcrypt, c.valid_until
        FROM devices d LEFT JOIN tenants t ON t.tenant_id = d.tenant_id LEFT JOIN credentials c ON c.device_id = d.id AND c.tenant_id = d.tenant_id
            AND c.valid_from <= now() AND (c.valid_until IS NULL OR c.valid_until > now())
        WHERE
        """;

    private const string ById = $"{Select} d.id = $1";
    private const string ByLabel = $"{Select} d.device_label = $1";

    /// <summary>The device of that user name, if the password is one of its secrets and its status lets it connect.</summary>
    public async Task<DeviceLogin> LogInAsync(string username, string password, byte[] passwordHash, CancellationToken cancellation)
    {
        // What looks like a UUID is only ever an id, so that no label can stand in for another device.
        await using var command = Guid.TryParse(username, out var id)
            ? Command(ById, id)
            : DeviceLabelAttribute.Fault(username) is null ? Command(ByLabel, username) : null;
        if (command is null)
        {
            return DeviceLogin.Refused(DeviceLogin.Unknown);
        }

        var rows = await ReadAsync(command, cancellation);
        if (rows.Count == 0)
        {
            return DeviceLogin.Refused(DeviceLogin.Unknown);
        }

        Row? match = null;
        foreach (var row in rows)
        {
            // Every secret is compared, whether or not one has matched.
            if (row.Sha256 is { } secret && CryptographicOperations.FixedTimeEquals(secret, passwordHash))
            {
                match = row;
            }
        }

        if (rows[0] is not { TenantId: not null, TenantIsActive: true, Status: DeviceStatus.Claimed or DeviceStatus.Active })
        {
            return DeviceLogin.Refused(match is null ? DeviceLogin.WrongSecret : "status");
        }

        if (match is not null)
        {
            return new DeviceLogin(null, match.DeviceId, match.TenantId, match.Status, match.CredentialId, match.ValidUntil);
        }

        // Asked again after a check: it may have waited long, and the device may have been shut out meanwhile.
        return await AcceptsEarlierAsync(rows, password, passwordHash)
            ? await LogInAsync(username, password, passwordHash, cancellation)
            : DeviceLogin.Refused(DeviceLogin.WrongSecret);
    }

    /// <summary>Makes a claimed device active. A failure does not keep the device out: its first reading will do it.</summary>
    public async Task ActivateAsync(DeviceLogin login, string? address, CancellationToken cancellation)
    {
        try
        {
            await CommitActiveAsync(login.DeviceId, address, cancellation).WaitAsync(cancellation);
        }
        catch (Exception exception) when (exception is OperationCanceledException || Transient.Is(exception))
        {
            LogStaysClaimed(login.DeviceId, exception.Message);
        }
    }

    private async Task<bool> AcceptsEarlierAsync(List<Row> rows, string password, byte[] passwordHash)
    {
        foreach (var row in rows.Where(row => row.Bcrypt is not null))
        {
            if (await earlier.AcceptAsync(row.CredentialId!.Value, row.Bcrypt!, password, passwordHash))
            {
                return true;
            }
        }

        return false;
    }

    private static async Task<List<Row>> ReadAsync(NpgsqlCommand command, CancellationToken cancellation)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var rows = new List<Row>(1);
        while (await reader.ReadAsync(cancellation))
        {
            rows.Add(new Row(
                reader.GetGuid(0),
                reader.IsDBNull(1) ? null : reader.GetGuid(1),
                Enum.Parse<DeviceStatus>(reader.GetString(2), ignoreCase: true),
                reader.GetBoolean(3),
                reader.IsDBNull(4) ? null : reader.GetGuid(4),
                reader.IsDBNull(5) ? null : reader.GetFieldValue<byte[]>(5),
                reader.IsDBNull(6) ? null : reader.GetString(6),
                reader.IsDBNull(7) ? null : reader.GetFieldValue<DateTimeOffset>(7)));
        }

        return rows;
    }

    private async Task CommitActiveAsync(Guid device, string? address, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await Activation.ApplyAsync(transaction, [device], clock.GetUtcNow(), address, cancellation);
        await transaction.CommitAsync(cancellation);
    }

    private NpgsqlCommand Command<T>(string sql, T username)
    {
        var command = database.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = username });
        return command;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Device {DeviceId} logged in and stays claimed for now: {Reason}")]
    private partial void LogStaysClaimed(Guid deviceId, string reason);

    private sealed record Row(
        Guid DeviceId, Guid? TenantId, DeviceStatus Status, bool TenantIsActive, Guid? CredentialId, byte[]? Sha256, string? Bcrypt, DateTimeOffset? ValidUntil);
}
