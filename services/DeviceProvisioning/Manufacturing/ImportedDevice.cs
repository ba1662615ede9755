using System.Text.RegularExpressions;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>What one line of an import says of a device.</summary>
public sealed partial record ImportedDevice
{
    internal const string LegacySigningField = "legacy_signing";
    private const int MaxTextLength = 100;

    // Only somebody who may do anything brings devices over that have a life behind them.
    private static readonly string[] EarlierFields =
        ["device_id", "tenant_id", "status", "device_secret_bcrypt", "claim_code_bcrypt", LegacySigningField];

    /// <summary>The names of all fields.</summary>
    public static IReadOnlySet<string> Fields { get; } = new HashSet<string>(
        [.. EarlierFields, "hardware_id", "device_label", "model", "hardware_revision", "firmware_version", "firmware"]);

    public required Guid Id { get; init; }

    public required bool HasOwnId { get; init; }

    public string? HardwareId { get; init; }

    public string? Label { get; init; }

    public string? Model { get; init; }

    public string? HardwareRevision { get; init; }

    public string? FirmwareVersion { get; init; }

    public Guid? TenantId { get; init; }

    public DeviceStatus Status { get; init; }

    public string? SecretBcrypt { get; init; }

    public string? ClaimCodeBcrypt { get; init; }

    public bool LegacySigning { get; init; }

    /// <summary>The device of these fields; or what is wrong with one of them.</summary>
    public static (ImportedDevice? Device, string? Fault) Read(Dictionary<string, string> fields, bool mayMigrate)
    {
        var (hardware, tenant) = (fields.GetValueOrDefault("hardware_id"), IdOf("tenant_id"));
        var (id, status) = (IdOf("device_id"), StatusOf(fields.GetValueOrDefault("status"), tenant is not null));
        var fault = Fault();
        if (fault is not null)
        {
            return (null, fault);
        }

        return (new ImportedDevice
        {
            Id = id ?? Guid.CreateVersion7(),
            HasOwnId = id is not null,
            HardwareId = hardware,
            // Whoever has a device has a name for it.
            Label = fields.GetValueOrDefault("device_label") ?? (tenant is null ? null : DeviceLabelAttribute.MakeUp()),
            Model = fields.GetValueOrDefault("model"),
            HardwareRevision = fields.GetValueOrDefault("hardware_revision"),
            FirmwareVersion = fields.GetValueOrDefault("firmware_version") ?? fields.GetValueOrDefault("firmware"),
            TenantId = tenant,
            Status = status!.Value,
            SecretBcrypt = fields.GetValueOrDefault("device_secret_bcrypt"),
            ClaimCodeBcrypt = fields.GetValueOrDefault("claim_code_bcrypt"),
            LegacySigning = fields.GetValueOrDefault(LegacySigningField) == "true",
        }, null);

        string? Fault() => fields switch
        {
            _ when !mayMigrate && EarlierFields.FirstOrDefault(fields.ContainsKey) is { } field => $"{field}: only for system:admin",
            _ when hardware is null && !fields.ContainsKey("device_id") => "hardware_id: is needed",
            _ when hardware is not null && !Manufacturing.HardwareId.IsValid(hardware) => $"hardware_id: {Manufacturing.HardwareId.Rule}",
            _ when fields.GetValueOrDefault("device_label") is { } label && DeviceLabelAttribute.Fault(label) is { } wrong => $"device_label: {wrong}",
            _ when TextFault("model", "hardware_revision", "firmware_version", "firmware") is { } text => text,
            _ when (fields.ContainsKey("device_id") && id is null) || id == Guid.Empty => "device_id: must be a UUID",
            _ when (fields.ContainsKey("tenant_id") && tenant is null) || tenant == Guid.Empty => "tenant_id: must be a UUID",
            _ when status is null => "status: unclaimed, claimed, active, suspended or revoked",
            _ when tenant is null && status is not (DeviceStatus.Unclaimed or DeviceStatus.Revoked) => "status: needs a tenant_id",
            _ when tenant is not null && status == DeviceStatus.Unclaimed => "status: unclaimed has no tenant_id",
            _ when tenant is not null && status is DeviceStatus.Claimed or DeviceStatus.Active && !fields.ContainsKey("device_secret_bcrypt") =>
                "device_secret_bcrypt: needed where there is a tenant_id, or the device could not log in",
            _ when tenant is null && fields.ContainsKey("device_secret_bcrypt") => "device_secret_bcrypt: needs a tenant_id",
            _ when HashFault("device_secret_bcrypt", "claim_code_bcrypt") is { } hash => hash,
            _ when fields.GetValueOrDefault(LegacySigningField) is not (null or "true" or "false") => $"{LegacySigningField}: true or false",
            _ => null,
        };

        Guid? IdOf(string field) => Guid.TryParseExact(fields.GetValueOrDefault(field), "D", out var read) ? read : null;

        string? TextFault(params string[] names) => names.FirstOrDefault(name =>
            fields.GetValueOrDefault(name) is { } text && (text.Length > MaxTextLength || text.Any(char.IsControl))) is { } name
            ? $"{name}: at most {MaxTextLength} characters, none of them a control character"
            : null;

        string? HashFault(params string[] names) => names.FirstOrDefault(name =>
            fields.GetValueOrDefault(name) is { } text && !Bcrypt().IsMatch(text)) is { } name
            ? $"{name}: must be a bcrypt hash of cost 4 to 15"
            : null;
    }

    private static DeviceStatus? StatusOf(string? text, bool hasTenant) => text switch
    {
        null => hasTenant ? DeviceStatus.Claimed : DeviceStatus.Unclaimed,
        "unclaimed" => DeviceStatus.Unclaimed,
        "claimed" => DeviceStatus.Claimed,
        "active" => DeviceStatus.Active,
        "suspended" => DeviceStatus.Suspended,
        "revoked" => DeviceStatus.Revoked,
        _ => null,
    };

    // Each further cost doubles the time that one check takes; 16 is seconds.
    [GeneratedRegex(@"^\$2[abxy]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}\z")]
    private static partial Regex Bcrypt();
}
