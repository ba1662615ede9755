using System.Security.Cryptography;
using System.Text;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>
/// What whoever holds a device shows to claim it: 80 random bits as 16 characters of Crockford's base 32, on the device's label. Read
/// generously: no letter looks like another, however they are grouped and in whatever case.
/// </summary>
public static class ClaimCode
{
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    private const int Length = 16;

    /// <summary>A new one, such as <c>7K3M-Z0QP-4H9D-XW2C</c>.</summary>
    public static string Make() => string.Join('-', RandomNumberGenerator.GetString(Alphabet, Length).Chunk(4).Select(group => new string(group)));

    /// <summary>What is kept of a device's code. The device is mixed in, so that equal codes of two devices do not look alike.</summary>
    public static byte[] Hash(Guid device, string code) =>
        SHA256.HashData([.. device.ToByteArray(bigEndian: true), .. Encoding.UTF8.GetBytes(Normalize(code))]);

    /// <summary>The one spelling of all those that mean the same code.</summary>
    public static string Normalize(string code) => string.Concat(code.Where(c => c != '-' && !char.IsWhiteSpace(c)).Select(c => char.ToUpperInvariant(c) switch
    {
        'O' => '0',
        'I' or 'L' => '1',
        var upper => upper,
    }));
}
