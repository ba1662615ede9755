using System.Globalization;

namespace EasySmart.Ingestion.Parsing;

/// <summary>A JSON number, measured as it was written, before any type could round it.</summary>
/// <param name="Significant">Digits from the first to the last that is not 0; 0 for zero.</param>
/// <param name="Magnitude">Digits before the decimal point when written out; 0 or less for what begins after it.</param>
/// <param name="Scale">Digits after the decimal point when written out.</param>
internal readonly record struct JsonNumber(int Significant, int Magnitude, int Scale)
{
    // PostgreSQL's numeric, in which jsonb keeps numbers.
    private const int MaxMagnitude = 131_072;
    private const int MaxScale = 16_383;
    private const int MaxExponent = 1_000_000;

    /// <summary>Whether jsonb takes it.</summary>
    public bool FitsNumeric => (Significant == 0 || Magnitude <= MaxMagnitude) && Scale <= MaxScale;

    /// <summary>How many characters it is when jsonb writes it out: <c>1e100000</c> is sent in 8 and comes back in 100,001.</summary>
    public int Written => Math.Max(Magnitude, 0) + Scale + 2;

    /// <summary>Measures what <c>Utf8JsonReader</c> found to be a number.</summary>
    public static JsonNumber Of(ReadOnlySpan<byte> text) => Of(text, [], out _);

    /// <summary>Whether <paramref name="value"/> is written by PostgreSQL (shortest text that reads back) as the number that was sent.</summary>
    public bool IsExactly(double value, ReadOnlySpan<byte> text)
    {
        // Up to 15 digits survive the way through a double, away from its limits: nearly every reading ends here.
        if (Significant <= 15 && Magnitude is > -300 and < 300)
        {
            return true;
        }

        // At powers of two the shortest text is not the same in every library.
        if (Significant > 17 || !double.IsFinite(value) || (BitConverter.DoubleToInt64Bits(value) & 0xF_FFFF_FFFF_FFFF) == 0)
        {
            return false;
        }

        Span<byte> shortest = stackalloc byte[32];
        Span<byte> digits = stackalloc byte[20];
        Span<byte> sent = stackalloc byte[20];
        value.TryFormat(shortest, out var length, "R", CultureInfo.InvariantCulture);
        var kept = Of(shortest[..length], digits, out var keptDigits);
        Of(text, sent, out var sentDigits);
        return kept.Magnitude == Magnitude && digits[..keptDigits].SequenceEqual(sent[..sentDigits]);
    }

    private static JsonNumber Of(ReadOnlySpan<byte> text, Span<byte> digits, out int written)
    {
        int integer = 0, fraction = 0, first = -1, last = -1, position = 0, exponent = 0;
        var afterPoint = false;
        written = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c is (byte)'e' or (byte)'E')
            {
                exponent = ExponentOf(text[(i + 1)..]);
                break;
            }

            if (c == '.')
            {
                afterPoint = true;
                continue;
            }

            if (c is < (byte)'0' or > (byte)'9')
            {
                continue;
            }

            _ = afterPoint ? fraction++ : integer++;
            if (c != '0')
            {
                first = first < 0 ? position : first;
                last = position;
            }

            if (first >= 0 && position - first < digits.Length)
            {
                digits[position - first] = c;
            }

            position++;
        }

        var significant = first < 0 ? 0 : last - first + 1;
        written = Math.Min(significant, digits.Length);
        return new JsonNumber(significant, integer - Math.Max(first, 0) + exponent, Math.Max(0, fraction - exponent));
    }

    private static int ExponentOf(ReadOnlySpan<byte> text)
    {
        var negative = text[0] == '-';
        var exponent = 0;
        foreach (var c in text)
        {
            if (c is >= (byte)'0' and <= (byte)'9' && exponent < MaxExponent)
            {
                exponent = exponent * 10 + (c - '0');
            }
        }

        return negative ? -exponent : exponent;
    }
}
