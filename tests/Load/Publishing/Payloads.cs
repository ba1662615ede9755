using System.Buffers.Text;
using System.Text.Json;

namespace EasySmart.Load;

/// <summary>What a device publishes.</summary>
internal enum PayloadShape
{
    /// <summary><c>{"value":17.5}</c></summary>
    Value,

    /// <summary><c>{"value":17.5,"ts":1764026100000}</c></summary>
    ValueTs,

    /// <summary>The value among others of a device's fields.</summary>
    Object,

    /// <summary>An array of ten values with their times, as a device sends that buffered them.</summary>
    Series,
}

/// <summary>Writes payloads. Each reading's value is a number of its own, so that it is found again in the database.</summary>
internal static class Payloads
{
    public const int MostBytes = 512;
    private const int InSeries = 10;

    /// <summary>How many readings one payload has.</summary>
    public static int ReadingsOf(PayloadShape shape) => shape == PayloadShape.Series ? InSeries : 1;

    /// <summary>The value of reading <paramref name="number"/>; a half is exact in binary.</summary>
    public static double ValueOf(long number) => number + 0.5;

    /// <summary>Writes the payload whose first reading is <paramref name="number"/>; returns its length.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="number">The number of its first reading.</param>
    /// <param name="lastTime">Milliseconds since 1970 of the slot's last reading; those of one slot never meet.</param>
    public static int Write(Span<byte> to, PayloadShape shape, long number, ref long lastTime)
    {
        var at = 0;
        switch (shape)
        {
            case PayloadShape.Value:
                Value(to, ref at, number);
                break;
            case PayloadShape.ValueTs:
                lastTime = Math.Max(Now(), lastTime + 1);
                ValueAndTime(to, ref at, number, lastTime);
                break;
            case PayloadShape.Object:
                Value(to, ref at, number);
                at--;
                Put(to, ref at, ",\"unit\":\"C\",\"quality\":\"good\",\"battery\":3.61,\"rssi\":-71,\"firmware\":\"2.4.1\"}"u8);
                break;
            case PayloadShape.Series:
                to[at++] = (byte)'[';
                lastTime = Math.Max(Now() - InSeries, lastTime);
                for (var i = 0; i < InSeries; i++)
                {
                    ValueAndTime(to, ref at, number + i, ++lastTime);
                    to[at++] = (byte)(i + 1 < InSeries ? ',' : ']');
                }

                break;
        }

        return at;
    }

    /// <summary>The shape with a name as in <c>value-ts</c>; null when there is none.</summary>
    public static PayloadShape? Find(string name)
    {
        foreach (var shape in Enum.GetValues<PayloadShape>())
        {
            if (NameOf(shape) == name)
            {
                return shape;
            }
        }

        return null;
    }

    public static string NameOf(PayloadShape shape) => JsonNamingPolicy.KebabCaseLower.ConvertName(shape.ToString());

    private static long Now() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private static void Value(Span<byte> to, ref int at, long number)
    {
        Put(to, ref at, "{\"value\":"u8);
        Put(to, ref at, number);
        Put(to, ref at, ".5}"u8);
    }

    private static void ValueAndTime(Span<byte> to, ref int at, long number, long time)
    {
        Value(to, ref at, number);
        at--;
        Put(to, ref at, ",\"ts\":"u8);
        Put(to, ref at, time);
        to[at++] = (byte)'}';
    }

    private static void Put(Span<byte> to, ref int at, long number)
    {
        Utf8Formatter.TryFormat(number, to[at..], out var length);
        at += length;
    }

    private static void Put(Span<byte> to, ref int at, ReadOnlySpan<byte> text)
    {
        text.CopyTo(to[at..]);
        at += text.Length;
    }
}
