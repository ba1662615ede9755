using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using CsvHelper;
using CsvHelper.Configuration;

namespace EasySmart.TelemetryQuery.Export;

/// <summary>A line for each reading, after RFC 4180. No field holds a line break (JSON escapes its own), so that a line is a reading.</summary>
internal sealed class CsvExport : IExportWriter
{
    private static readonly CsvConfiguration Configuration = new(CultureInfo.InvariantCulture) { NewLine = "\r\n" };
    private readonly PipeWriter _body;

    public CsvExport(PipeWriter body, bool heading)
    {
        _body = body;
        if (heading)
        {
            body.Write("timestamp,slot,value,payload\r\n"u8);
        }
    }

    public async Task WriteAsync(Piece piece, CancellationToken cancellation)
    {
        await using var csv = new CsvWriter(new PipeText(_body), Configuration);
        var slot = piece.Slot.ToString(CultureInfo.InvariantCulture);
        foreach (var reading in piece.Readings)
        {
            csv.WriteField(reading.Time.ToString(ExportCursor.TimeFormat, CultureInfo.InvariantCulture));
            csv.WriteField(slot);
            csv.WriteField(reading.Value?.ToString(CultureInfo.InvariantCulture));
            csv.WriteField(reading.Payload);
            csv.NextRecord();
            await _body.KeepUpAsync(cancellation);
        }
    }

    public Task EndAsync(CancellationToken cancellation) => _body.FlushAsync(cancellation).AsTask();
}
