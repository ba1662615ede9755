using System.Security.Cryptography;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>Devices that log in to the broker: one round trip, by primary key or unique label.</summary>
public sealed partial class DeviceLogins(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, TimeProvider clock, ILogger<DeviceLogins> logger)
{
    private const string Select =
        """
        SELECT d.id, d.tenant_id, d.status, c.secret_sha256
        FROM devices d LEFT JOIN credentials c ON c.device_id = d.id AND c.tenant_id = d.tenant_id
            AND c.valid_from <= now() AND (c.valid_until IS NULL OR c.valid_until > now())
        WHERE
        """;

    private const string ById = $"{Select} d.id = $1";
    private const string ByLabel = $"{Select} d.device_label = $1";

    /// <summary>The device of that user name, if the password is one of its secrets and its status lets it connect.</summary>
    public async Task<DeviceLogin> LogInAsync(string username, byte[] passwordHash, CancellationToken cancellation)
    {
        // What looks like a UUID is only ever an id, so that no label can stand in for another device.
        await using var command = Guid.TryParse(username, out var id)
            ? Command(ById, id)
            : DeviceLabelAttribute.Fault(username) is null ? Command(ByLabel, username) : null;
        if (command is null)
        {
            return DeviceLogin.Refused("unknown");
        }

        await using var reader = await command.ExecuteReaderAsync(cancellation);
        DeviceLogin? found = null;
        var matches = false;
        while (await reader.ReadAsync(cancellation))
        {
            found ??= new DeviceLogin(
                null,
                reader.GetGuid(0),
                await reader.IsDBNullAsync(1, cancellation) ? null : reader.GetGuid(1),
                Enum.Parse<DeviceStatus>(reader.GetString(2), ignoreCase: true));
            // Every secret is compared, whether or not one has matched.
            matches |= !await reader.IsDBNullAsync(3, cancellation)
                && CryptographicOperations.FixedTimeEquals(reader.GetFieldValue<byte[]>(3), passwordHash);
        }

        return found switch
        {
            null => DeviceLogin.Refused("unknown"),
            _ when !matches => DeviceLogin.Refused("wrong_secret"),
            { TenantId: null } or { Status: not (DeviceStatus.Claimed or DeviceStatus.Active) } => DeviceLogin.Refused("status"),
            _ => found,
        };
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
}

/// <summary>How a login ended.</summary>
/// <param name="Refusal">Why it was refused, in a word; null when it was not.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="TenantId">Its tenant; never null when the login was not refused.</param>
/// <param name="Status">Its status.</param>
public sealed record DeviceLogin(string? Refusal, Guid DeviceId, Guid? TenantId, DeviceStatus Status)
{
    public static DeviceLogin Refused(string why) => new(why, default, null, default);
}
