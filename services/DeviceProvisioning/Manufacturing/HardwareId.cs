using System.Text.RegularExpressions;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>What the factory burnt into a device. The firmware in the field has a buffer for 15 characters, and reads no escapes.</summary>
public static partial class HardwareId
{
    public const string Rule = "1 to 15 letters, digits, dots, dashes, underscores or colons";

    public static bool IsValid(string text) => Form().IsMatch(text);

    [GeneratedRegex(@"^[A-Za-z0-9._:-]{1,15}\z")]
    private static partial Regex Form();
}
