using EasySmart.DeviceProvisioning.Devices;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>One import: takes lines in chunks, each in a transaction of its own, and says what became of every line.</summary>
/// <param name="database">On the system role.</param>
/// <param name="keys">For the devices' own keys.</param>
/// <param name="format">How the lines are written.</param>
/// <param name="mayMigrate">Whether devices of the earlier system may be among them.</param>
/// <param name="reissue">Whether unclaimed devices that are there already get a new claim code.</param>
/// <param name="requestId">The request.</param>
public sealed class Importer(NpgsqlDataSource database, MasterKeys keys, ImportFormat format, bool mayMigrate, bool reissue, string requestId)
{
    /// <summary>Keeps what is remembered of a file within bounds.</summary>
    public const int MaxLines = 1_000_000;

    // Any constant: one import at a time writes, or two that bring the same devices in another order would deadlock.
    private const long Lock = 0x496D706F7274;

    // Fifteen characters of ASCII are a number of sixteen bytes: a tenth of what as many texts would take.
    private readonly HashSet<UInt128> _hardwareIds = [];
    private readonly HashSet<Guid> _deviceIds = [];
    private int _lines;

    public async Task<ImportedLine[]> TakeAsync(InputLine[] lines, DateTimeOffset now, CancellationToken cancellation)
    {
        var results = new ImportedLine[lines.Length];
        var devices = new List<(int Place, ImportedDevice Device)>();
        for (var place = 0; place < lines.Length; place++)
        {
            var (device, error) = Read(lines[place]);
            results[place] = error!;
            if (device is not null)
            {
                devices.Add((place, device));
            }
        }

        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using (var wait = new NpgsqlCommand($"SELECT pg_advisory_xact_lock({Lock})", connection, transaction))
        {
            await wait.ExecuteNonQueryAsync(cancellation);
        }

        var rows = new ImportRows(transaction, keys.CurrentId, now, requestId);
        var known = await rows.FindAsync(devices.ConvertAll(d => d.Device), forUpdate: reissue, cancellation);
        var fresh = devices.Where(d => known.Of(d.Device) is null).Select(d => new NewDevice(d.Device, d.Device.ClaimCodeBcrypt is null ? ClaimCode.Make() : null)).ToList();
        var created = await rows.InsertAsync(fresh, cancellation);
        var codes = fresh.ToDictionary(f => f.Device.Id, f => f.ClaimCode);
        var reissued = new Dictionary<Guid, string>();
        foreach (var (place, device) in devices)
        {
            results[place] = known.Of(device) is { } there
                ? Existing(lines[place].Number, device, there, reissued)
                : Created(lines[place].Number, device, created.Contains(device.Id), codes[device.Id]);
        }

        await rows.ReissueAsync(reissued, cancellation);
        // Whoever has gone: what was made is counted, and that must be known.
        await transaction.CommitAsync(CancellationToken.None);
        return results;
    }

    private (ImportedDevice? Device, ImportedLine? Error) Read(InputLine line)
    {
        var (fields, fault) = ++_lines > MaxLines ? (null, $"At most {MaxLines} lines in one import")
            : line.Text is null ? (null, line.Fault)
            : format.Read(line.Text);
        if (fields is null)
        {
            return (null, ImportedLine.Error(line.Number, null, fault!));
        }

        var (device, wrong) = ImportedDevice.Read(fields, mayMigrate);
        // Only what it is: what was sent instead may be as long as a line.
        var hardware = fields.GetValueOrDefault("hardware_id") is { } sent && HardwareId.IsValid(sent) ? sent : null;
        return device is null ? (null, ImportedLine.Error(line.Number, hardware, wrong!))
            : IsRepeated(device) ? (null, ImportedLine.Error(line.Number, hardware, "The same device is on an earlier line"))
            : (device, null);
    }

    private bool IsRepeated(ImportedDevice device)
    {
        var repeated = device.HasOwnId && !_deviceIds.Add(device.Id);
        if (device.HardwareId is { } id)
        {
            repeated |= !_hardwareIds.Add(id.Aggregate(UInt128.Zero, (number, character) => (number << 8) | character));
        }

        return repeated;
    }

    private ImportedLine Existing(int line, ImportedDevice device, KnownDevice there, Dictionary<Guid, string> reissued)
    {
        if ((device.HasOwnId && device.Id != there.Id) || (device.HardwareId is not null && device.HardwareId != there.HardwareId))
        {
            return ImportedLine.Error(line, device.HardwareId, "device_id and hardware_id are not of the same device");
        }

        string? code = null;
        if (reissue && there.IsUnclaimed)
        {
            reissued[there.Id] = code = ClaimCode.Make();
        }

        return Line(line, code is null ? "exists" : "reissued", there.HardwareId, there.Id, there.Label, code, there.KeyId ?? (code is null ? null : keys.CurrentId));
    }

    private ImportedLine Created(int line, ImportedDevice device, bool made, string? code) => made
        ? Line(line, "created", device.HardwareId, device.Id, device.Label, code, keys.CurrentId)
        : ImportedLine.Error(line, device.HardwareId, "device_label already exists");

    private ImportedLine Line(int line, string result, string? hardwareId, Guid id, string? label, string? code, string? keyId) => new(
        line,
        result,
        hardwareId,
        id,
        label,
        code,
        keyId,
        hardwareId is null ? null : keys.DeviceKey(keyId, hardwareId),
        keys.DeviceKey(keyId, id.ToString()));
}
