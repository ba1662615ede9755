using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using EasySmart.ServiceDefaults;
using EasySmart.TelemetryQuery.History;

namespace EasySmart.TelemetryQuery.Export;

/// <summary>History's items, one a line.</summary>
/// <param name="body">Where to.</param>
internal sealed class NdjsonExport(PipeWriter body) : IExportWriter
{
    public async Task WriteAsync(Piece piece, CancellationToken cancellation)
    {
        await using var json = new Utf8JsonWriter(body, new JsonWriterOptions { SkipValidation = true });
        foreach (var reading in piece.Readings)
        {
            JsonSerializer.Serialize(json, new HistoryReading(piece.Slot, reading.Sent, new DateTimeOffset(reading.Time)), Json.Options);
            json.Flush();
            json.Reset();
            body.Write("\n"u8);
            await body.KeepUpAsync(cancellation);
        }
    }

    public Task EndAsync(CancellationToken cancellation) => body.FlushAsync(cancellation).AsTask();
}
