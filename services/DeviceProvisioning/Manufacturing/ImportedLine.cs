using System.Text.Json.Serialization;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>What became of one line. The last line of the answer has the counts instead: <c>lines, created, exists, reissued, errors</c>.</summary>
/// <param name="Line">Its place in the file, from 1. <example>2</example></param>
/// <param name="Result"><c>created</c>, <c>exists</c>, <c>reissued</c> or <c>error</c>. <example>created</example></param>
/// <param name="HardwareId">As it was sent. <example>ES-00A1B2C3</example></param>
/// <param name="DeviceId">The device's id.</param>
/// <param name="DeviceLabel">Its label, if it has one. <example>pump-7</example></param>
/// <param name="ClaimCode">Shows that whoever claims it has it; told this once. <example>7K3M-Z0QP-4H9D-XW2C</example></param>
/// <param name="KeyId">The master key that its own keys are derived from. <example>2026a</example></param>
/// <param name="HardwareIdKey">
/// What it signs with when it calls itself by its hardware id. <example>3b1c7a52d0e94b36a1f3c5d7e90b2468acde13579bdf02468ace13579bdf0246</example>
/// </param>
/// <param name="DeviceIdKey">
/// What it signs with when it calls itself by its device id. <example>8f1c7a52d0e94b36a1f3c5d7e90b2468acde13579bdf02468ace13579bdf0246</example>
/// </param>
/// <param name="Message">What is wrong with the line. <example>device_label already exists</example></param>
public sealed record ImportedLine(
    int Line,
    string Result,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? HardwareId = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Guid? DeviceId = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? DeviceLabel = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ClaimCode = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? KeyId = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? HardwareIdKey = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? DeviceIdKey = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Message = null)
{
    internal static ImportedLine Error(int line, string? hardwareId, string message) => new(line, "error", hardwareId, Message: message);
}

/// <summary>How many lines ended how.</summary>
public sealed record ImportCounts(int Lines, int Created, int Exists, int Reissued, int Errors)
{
    internal ImportCounts Plus(ImportedLine line) => line.Result switch
    {
        "created" => this with { Lines = Lines + 1, Created = Created + 1 },
        "exists" => this with { Lines = Lines + 1, Exists = Exists + 1 },
        "reissued" => this with { Lines = Lines + 1, Reissued = Reissued + 1 },
        _ => this with { Lines = Lines + 1, Errors = Errors + 1 },
    };
}
