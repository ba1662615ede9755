using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace EasySmart.TelemetryQuery.Export;

/// <summary>Puts text into a pipe as UTF-8 without sending it: sending waits for the client, and is done where it can be awaited.</summary>
/// <param name="pipe">The pipe. What is written at once must be whole characters.</param>
internal sealed class PipeText(PipeWriter pipe) : TextWriter
{
    public override Encoding Encoding => Encoding.UTF8;

    public override void Write(char value) => Write([value]);

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(ReadOnlySpan<char> buffer) => Encoding.UTF8.GetBytes(buffer, pipe);
}

internal static class PipePace
{
    private const int SentAtOnce = 32 * 1024;

    /// <summary>Sends what was put into the pipe when it has become much, and waits until the client has taken enough of it.</summary>
    public static async ValueTask KeepUpAsync(this PipeWriter pipe, CancellationToken cancellation)
    {
        if (pipe.UnflushedBytes >= SentAtOnce)
        {
            await pipe.FlushAsync(cancellation);
        }
    }
}
