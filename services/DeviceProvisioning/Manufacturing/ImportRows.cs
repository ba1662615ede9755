using EasySmart.Contracts;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>The rows of one chunk of an import: a statement for each table, not for each device.</summary>
internal sealed class ImportRows(NpgsqlTransaction transaction, string keyId, DateTimeOffset now, string requestId)
{
    private const string Find =
        """
        SELECT d.id, d.hardware_id, d.device_label, d.status = 'unclaimed' AND r.device_id IS NOT NULL, r.key_id
        FROM devices d LEFT JOIN registry r ON r.device_id = d.id
        WHERE d.hardware_id = ANY($1) OR d.id = ANY($2)
        """;

    // A label that is taken keeps its device out, and no other.
    private const string InsertDevices =
        """
        INSERT INTO devices (id, tenant_id, device_label, status, hardware_id, model, hardware_revision, firmware_version, claimed_at, activated_at, created_at)
        SELECT id, tenant_id, label, status, hardware_id, model, revision, firmware,
            CASE WHEN tenant_id IS NOT NULL THEN $9 END, CASE WHEN status = 'active' THEN $9 END, $9
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) n (id, tenant_id, label, status, hardware_id, model, revision, firmware)
        ON CONFLICT DO NOTHING
        RETURNING id, version
        """;

    private const string InsertRegistry =
        """
        INSERT INTO registry (device_id, key_id, legacy_signing, claim_code_sha256, claim_code_bcrypt, factory_label, imported_at)
        SELECT id, $2, legacy, sha256, bcrypt, label, $3 FROM unnest($1, $4, $5, $6, $7) n (id, legacy, sha256, bcrypt, label)
        """;

    private const string InsertCredentials =
        """
        INSERT INTO credentials (id, device_id, tenant_id, secret_bcrypt) SELECT * FROM unnest($1, $2, $3, $4)
        """;

    private const string Reissue =
        """
        INSERT INTO registry (device_id, claim_code_sha256, key_id, imported_at) SELECT id, sha256, $3, $4 FROM unnest($1, $2) n (id, sha256)
        ON CONFLICT (device_id) DO UPDATE SET claim_code_sha256 = excluded.claim_code_sha256, claim_code_bcrypt = NULL
        """;

    /// <summary>Those of the devices that are there already; locked for the transaction where asked.</summary>
    internal async Task<KnownDevices> FindAsync(List<ImportedDevice> devices, bool forUpdate, CancellationToken cancellation)
    {
        var hardwareIds = devices.Select(d => d.HardwareId).OfType<string>().ToArray();
        var ids = devices.Where(d => d.HasOwnId).Select(d => d.Id).ToArray();
        await using var command = Command(forUpdate ? $"{Find} ORDER BY d.id FOR UPDATE OF d" : Find, hardwareIds, ids);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var known = new List<KnownDevice>();
        while (await reader.ReadAsync(cancellation))
        {
            known.Add(new KnownDevice(reader.GetGuid(0), Text(1), Text(2), reader.GetBoolean(3), Text(4)));
        }

        return new KnownDevices(known);

        string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }

    /// <summary>Makes the devices, less those whose label is taken, and tells of them. Returns which were made.</summary>
    internal async Task<HashSet<Guid>> InsertAsync(List<NewDevice> devices, CancellationToken cancellation)
    {
        var versions = await InsertDevicesAsync(devices.ConvertAll(d => d.Device), cancellation);
        var made = devices.FindAll(d => versions.ContainsKey(d.Device.Id));
        if (made.Count == 0)
        {
            return [];
        }

        await ExecuteAsync(
            InsertRegistry,
            cancellation,
            Of(made, d => d.Device.Id),
            keyId,
            now,
            Of(made, d => d.Device.LegacySigning),
            Of(made, d => d.ClaimCode is { } code ? ClaimCode.Hash(d.Device.Id, code) : null),
            Of(made, d => d.Device.ClaimCodeBcrypt),
            Of(made, d => d.Device.TenantId is null ? d.Device.Label : null));
        var secrets = made.FindAll(d => d.Device.SecretBcrypt is not null);
        if (secrets.Count > 0)
        {
            await ExecuteAsync(
                InsertCredentials,
                cancellation,
                Of(secrets, _ => Guid.CreateVersion7()),
                Of(secrets, d => d.Device.Id),
                Of(secrets, d => d.Device.TenantId!.Value),
                Of(secrets, d => d.Device.SecretBcrypt));
        }

        await transaction.PublishAsync(made.Select(d => ((IntegrationEvent)Changed(d.Device, versions[d.Device.Id]), d.Device.Id.ToString())), cancellation);
        return [.. versions.Keys];
    }

    /// <summary>Gives devices other claim codes; and those that came by provisioning and were reset a place in the registry.</summary>
    internal async Task ReissueAsync(Dictionary<Guid, string> codes, CancellationToken cancellation)
    {
        if (codes.Count > 0)
        {
            var hashes = codes.Select(code => ClaimCode.Hash(code.Key, code.Value)).ToArray();
            await ExecuteAsync(Reissue, cancellation, codes.Keys.ToArray(), hashes, keyId, now);
        }
    }

    private async Task<Dictionary<Guid, long>> InsertDevicesAsync(List<ImportedDevice> devices, CancellationToken cancellation)
    {
        await using var command = Command(
            InsertDevices,
            Of(devices, d => d.Id),
            Of(devices, d => d.TenantId),
            Of(devices, d => d.Label),
            Of(devices, d => d.Status.ToString().ToLowerInvariant()),
            Of(devices, d => d.HardwareId),
            Of(devices, d => d.Model),
            Of(devices, d => d.HardwareRevision),
            Of(devices, d => d.FirmwareVersion),
            now);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var versions = new Dictionary<Guid, long>();
        while (await reader.ReadAsync(cancellation))
        {
            versions.Add(reader.GetGuid(0), reader.GetInt64(1));
        }

        return versions;
    }

    private DeviceChanged Changed(ImportedDevice device, long version) => new DeviceChanged
    {
        OccurredAt = now,
        RequestId = requestId,
        DeviceId = device.Id,
        TenantId = device.TenantId,
        DeviceLabel = device.Label,
        Status = device.Status,
        Version = version,
    };

    private async Task ExecuteAsync(string sql, CancellationToken cancellation, params object[] values)
    {
        await using var command = Command(sql, values);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private NpgsqlCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, transaction.Connection, transaction);
        command.Parameters.AddRange(Array.ConvertAll(values, value => new NpgsqlParameter { Value = value }));
        return command;
    }

    private static TColumn[] Of<TRow, TColumn>(List<TRow> rows, Func<TRow, TColumn> column) => [.. rows.Select(column)];
}
