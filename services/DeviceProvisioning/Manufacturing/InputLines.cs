using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>A line of an import that is not blank.</summary>
/// <param name="Number">Its place in the file, from 1.</param>
/// <param name="Text">The line without its end; null when there is a fault.</param>
/// <param name="Fault">Why it cannot be read.</param>
public readonly record struct InputLine(int Number, string? Text, string? Fault);

/// <summary>
/// Reads a file line by line, however long the file or one of its lines: a line that is too long, or is no text, is the only one to suffer.
/// That holds for CSV too, whose quotes may go round a line's end elsewhere: no field of ours has one.
/// </summary>
public static class InputLines
{
    private const int MaxBytes = 8 * 1024;
    private const char ByteOrderMark = '\uFEFF';
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static async IAsyncEnumerable<InputLine> ReadAsync(Stream file, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var reader = PipeReader.Create(file, new StreamPipeReaderOptions(bufferSize: 4 * MaxBytes, leaveOpen: true));
        var (number, cut) = (0, false);
        while (true)
        {
            var read = await reader.ReadAsync(cancellation);
            var buffer = read.Buffer;
            while (buffer.PositionOf((byte)'\n') is { } end)
            {
                if (Read(++number, buffer.Slice(0, end), cut) is { } line)
                {
                    yield return line;
                }

                cut = false;
                buffer = buffer.Slice(buffer.GetPosition(1, end));
            }

            if (read.IsCompleted)
            {
                if (Read(++number, buffer, cut) is { } last)
                {
                    yield return last;
                }

                break;
            }

            if (buffer.Length > MaxBytes)
            {
                // Not kept until its end comes, which may be 64 MiB from here.
                cut = true;
                buffer = buffer.Slice(buffer.End);
            }

            reader.AdvanceTo(buffer.Start, buffer.End);
        }

        await reader.CompleteAsync();
    }

    private static InputLine? Read(int number, ReadOnlySequence<byte> bytes, bool cut)
    {
        if (cut || bytes.Length > MaxBytes)
        {
            return new InputLine(number, null, $"Longer than {MaxBytes} bytes");
        }

        try
        {
            var text = Strict.GetString(bytes);
            text = (number == 1 ? text.TrimStart(ByteOrderMark) : text).TrimEnd('\r');
            return string.IsNullOrWhiteSpace(text) ? null : new InputLine(number, text, null);
        }
        catch (DecoderFallbackException)
        {
            return new InputLine(number, null, "Not UTF-8");
        }
    }
}
