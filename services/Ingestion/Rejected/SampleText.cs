using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace EasySmart.Ingestion.Rejected;

/// <summary>A sample as people read it.</summary>
internal static class SampleText
{
    private static readonly SearchValues<byte> NotText = SearchValues.Create(
        [.. Enumerable.Range(0, ' ').Where(c => c is not ('\t' or '\n' or '\r')).Select(c => (byte)c), 0x7F]);

    /// <summary>The sample as text; as base64 where it is none.</summary>
    /// <param name="sample">As it was kept, perhaps cut in the middle of a character.</param>
    /// <param name="encoding">Null for text.</param>
    public static string Of(ReadOnlySpan<byte> sample, out string? encoding)
    {
        var text = WholeCharacters(sample);
        var isText = Utf8.IsValid(text) && !text.ContainsAny(NotText);
        encoding = isText ? null : "base64";
        return isText ? Encoding.UTF8.GetString(text) : Convert.ToBase64String(sample);
    }

    // Only what is as long as a sample can be may have been cut; elsewhere half a character was sent as such.
    private static ReadOnlySpan<byte> WholeCharacters(ReadOnlySpan<byte> sample)
    {
        if (sample.Length < Batches.RejectionLog.SampleBytes)
        {
            return sample;
        }

        var start = sample.Length - 1;
        while (start > sample.Length - 4 && (sample[start] & 0xC0) == 0x80)
        {
            start--;
        }

        return Rune.DecodeFromUtf8(sample[start..], out _, out _) == OperationStatus.NeedMoreData ? sample[..start] : sample;
    }
}
