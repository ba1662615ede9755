using System.Globalization;

namespace EasySmart.Ingestion.Parsing;

/// <summary>The escapes of a JSON string.</summary>
internal static class JsonText
{
    /// <summary>Whether a database keeps the text: no <c>\u0000</c>, no half of a surrogate pair.</summary>
    /// <param name="escaped">The string between its quotes, as sent; the JSON reader has seen that its escapes are well formed.</param>
    public static bool IsStorable(ReadOnlySpan<byte> escaped)
    {
        var high = false;
        for (var i = 0; i < escaped.Length;)
        {
            var unit = 'a';
            if (escaped[i] != '\\')
            {
                i++;
            }
            else if (escaped[i + 1] != 'u')
            {
                i += 2;
            }
            else
            {
                unit = (char)ushort.Parse(escaped.Slice(i + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                i += 6;
            }

            if (unit == '\0' || high != char.IsLowSurrogate(unit))
            {
                return false;
            }

            high = char.IsHighSurrogate(unit);
        }

        return !high;
    }
}
