using System.Globalization;
using System.Text;
using System.Text.Json;

namespace EasySmart.Fleet.Tests.Fuzzing;

/// <summary>Pieces that programs have stumbled over, and values that nearly fit.</summary>
internal static class Odd
{
    private static readonly string[] Numbers =
    [
        "1e400", "-1e400", "1E-999999", "99999999999999999999999999", "-9223372036854775809", "2147483648", "-0", "0.1e+99999", "1e2147483648",
        "0.30000000000000004", "18446744073709551616", "00", "+1", ".5", "0x10", "NaN", "-Infinity", "1e", new string('9', 5000),
    ];

    private static readonly string[] Texts =
    [
        "", " ", "\t\r\n", "null", "undefined", "'; DROP TABLE users; --", "%00", "../../etc/passwd", "${jndi:ldap://x}", "{{7*7}}", "<script>",
        "a@b", "@", "\u202Eabc", "\uFEFF", "e\u0301\u0301\u0301", "İıſK", "𝟙𝟚", "👩‍👩‍👧‍👦", "\u0001\u001f\u007f", "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.9999999+14:00", "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000001}", "#", "+/#", "$SYS/#", "=1+1",
    ];

    private static readonly string[] Escapes = [@"\u0000", @"a\u0000b", @"\ud800", @"\udc00\ud800", @"\uD83D", @"\x41", @"\u12", @"\", @"\uFFFF"];

    private static readonly byte[][] Bytes =
        [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0x00], [0xE2, 0x82], [0xF4, 0x90, 0x80, 0x80], [0x80]];

    public static byte[] Number(Random random) => Encoding.ASCII.GetBytes(Pick(random, Numbers));

    public static string Text(Random random) => random.Next(4) switch
    {
        0 => string.Concat(Enumerable.Range(0, random.Next(1, 60)).Select(_ => new Rune(random.Next(0x20, 0xD800)))),
        1 => new string('a', random.Next(1, 300)),
        _ => Pick(random, Texts),
    };

    /// <summary>A JSON text with an escape that is no text, or that a database takes for none.</summary>
    public static byte[] Escape(Random random) => Encoding.ASCII.GetBytes($"\"{Pick(random, Escapes)}\"");

    /// <summary>A JSON text that is not UTF-8.</summary>
    public static byte[] NotUtf8(Random random) => [.. "\"a"u8, .. Pick(random, Bytes), .. "b\""u8];

    public static byte[] Giant(Random random) => Json(new string((char)random.Next('a', 'z'), 1 << random.Next(10, 18)));

    public static byte[] Deep(Random random)
    {
        var depth = 1 << random.Next(5, 15);
        var (open, close) = random.Next(2) == 0 ? ("[", "]") : ("{\"a\":", "}");
        var nested = string.Concat(Enumerable.Repeat(open, depth)) + "1";
        return Encoding.ASCII.GetBytes(random.Next(3) == 0 ? nested : nested + string.Concat(Enumerable.Repeat(close, depth)));
    }

    /// <summary>A value of any kind, whatever is asked for.</summary>
    public static byte[] OfAnyType(Random random) => random.Next(8) switch
    {
        0 => "null"u8.ToArray(),
        1 => "true"u8.ToArray(),
        2 => "[]"u8.ToArray(),
        3 => "{}"u8.ToArray(),
        4 => "[null, [1], {\"a\": []}]"u8.ToArray(),
        5 => Json(random.Next(-10, 40_000)),
        6 => Json(random.NextDouble() * 1e6),
        _ => Json(Text(random)),
    };

    /// <summary>A value as the schema asks for.</summary>
    public static byte[] Fitting(Random random, Schema schema) => schema switch
    {
        { Words.Length: > 0 } => Encoding.UTF8.GetBytes(Pick(random, schema.Words)),
        { Type: "object" } => Object(schema.Properties.Select(property => (property.Name, Fitting(random, property)))),
        { Type: "array" } => [.. "["u8, .. schema.Items is { } item ? Fitting(random, item) : [], .. "]"u8],
        { Type: "integer" } => Json(random.Next(0, 2000)),
        { Type: "number" } => Json(random.NextDouble()),
        { Type: "boolean" } => Json(random.Next(2) == 0),
        { Format: "uuid" } => Json(Id(random)),
        { Format: "date-time" } => Json(new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddSeconds(random.Next(30_000_000))),
        { Type: "string" } when schema.Name.Contains("email", StringComparison.Ordinal) => Json($"{Id(random):N}@example.com"),
        // Good enough for a new account, and nobody's.
        { Type: "string" } when schema.Name.Contains("password", StringComparison.Ordinal) => Json("Wrong-Horse-9"),
        { Type: "string" } => Json($"fuzz-{random.Next():x}"),
        _ => OfAnyType(random),
    };

    public static byte[] Object(IEnumerable<(string Name, byte[] Value)> properties)
    {
        var json = new List<byte> { (byte)'{' };
        foreach (var (name, value) in properties)
        {
            json.AddRange([.. json.Count > 1 ? ","u8 : [], .. Json(name), (byte)':', .. value]);
        }

        return [.. json, (byte)'}'];
    }

    /// <summary>What stands in a path or a query, encoded or broken.</summary>
    public static string InTarget(Random random) => random.Next(6) switch
    {
        0 => Id(random).ToString(),
        1 => Pick(random, ["%00", "%ff", "%C0%80", "%2e%2e%2f", "%252e", "%zz", "%", "a%20b", "%E2%82", "%ED%A0%80", ";", "a;b=c", "*", "~", "'"]),
        2 => new string('x', random.Next(1, 3000)),
        3 => random.NextInt64().ToString(CultureInfo.InvariantCulture),
        _ => Uri.EscapeDataString(Text(random)),
    };

    public static Guid Id(Random random)
    {
        var bytes = new byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes);
    }

    public static T Pick<T>(Random random, T[] among) => among[random.Next(among.Length)];

    private static byte[] Json<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value);
}
