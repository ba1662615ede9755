using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.RegularExpressions;

namespace EasySmart.Identity.Passwords;

/// <summary>What an Argon2id run costs.</summary>
/// <param name="MemoryKiB">Memory, in KiB.</param>
/// <param name="Iterations">Passes over it.</param>
/// <param name="Parallelism">Lanes.</param>
internal readonly record struct Argon2Cost(int MemoryKiB, int Iterations, int Parallelism)
{
    /// <summary>What new hashes cost: OWASP's parameters (m = 19 MiB, t = 2, p = 1).</summary>
    public static readonly Argon2Cost Today = new(19_456, 2, 1);
}

/// <summary>
/// A stored hash in PHC string format, <c>$argon2id$v=19$m=19456,t=2,p=1$salt$hash</c>: it carries its own parameters, so that those of
/// tomorrow do not lock out who registered today.
/// </summary>
internal sealed partial record PasswordHash(Argon2Cost Cost, byte[] Salt, byte[] Hash)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"$argon2id$v=19$m={Cost.MemoryKiB},t={Cost.Iterations},p={Cost.Parallelism}${Encode(Salt)}${Encode(Hash)}");

    public static bool TryRead(string text, [NotNullWhen(true)] out PasswordHash? hash)
    {
        var match = Format().Match(text);
        hash = match.Success
            ? new PasswordHash(new Argon2Cost(Number("m"), Number("t"), Number("p")), Decode(match.Groups["salt"].Value), Decode(match.Groups["hash"].Value))
            : null;
        return match.Success;

        int Number(string name) => int.Parse(match.Groups[name].ValueSpan, CultureInfo.InvariantCulture);
    }

    // PHC takes base64 without padding.
    private static string Encode(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    private static byte[] Decode(string text) => Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='));

    [GeneratedRegex(@"\A\$argon2id\$v=19\$m=(?<m>\d{1,7}),t=(?<t>\d{1,3}),p=(?<p>\d{1,3})\$(?<salt>[A-Za-z0-9+/]{11,})\$(?<hash>[A-Za-z0-9+/]{16,})\z")]
    private static partial Regex Format();
}
