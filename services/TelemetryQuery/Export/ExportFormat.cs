using EasySmart.TelemetryQuery.History;

namespace EasySmart.TelemetryQuery.Export;

/// <summary>A kind of file that readings are exported as.</summary>
/// <param name="Name">As in <c>format</c>, and the end of the file's name.</param>
/// <param name="ContentType">Its media type.</param>
/// <param name="GoesOn">Whether a file that broke off can go on where it did.</param>
/// <param name="Begin">Begins a file in an answer; the second says that it goes on with another.</param>
internal sealed record ExportFormat(string Name, string ContentType, bool GoesOn, Func<HttpResponse, bool, ValueTask<IExportWriter>> Begin)
{
    private static readonly ExportFormat[] All =
    [
        new("csv", "text/csv; charset=utf-8", true, (response, goesOn) => ValueTask.FromResult<IExportWriter>(new CsvExport(response.BodyWriter, !goesOn))),
        new("ndjson", "application/x-ndjson", true, (response, _) => ValueTask.FromResult<IExportWriter>(new NdjsonExport(response.BodyWriter))),
        new("parquet", "application/vnd.apache.parquet", false, async (response, _) => await ParquetExport.BeginAsync(response.Body)),
    ];

    public static ExportFormat? Find(string name) => All.FirstOrDefault(format => format.Name == name);
}

/// <summary>Writes a file. Not disposed of when it breaks off: that would end it as if it were whole.</summary>
internal interface IExportWriter
{
    /// <summary>Writes a piece. The client's own pace is waited for; what is not yet sent stays bounded.</summary>
    Task WriteAsync(Piece piece, CancellationToken cancellation);

    /// <summary>Writes what makes it a whole file.</summary>
    Task EndAsync(CancellationToken cancellation);
}

/// <summary>Some readings of one slot.</summary>
/// <param name="Slot">The slot.</param>
/// <param name="Readings">The readings; the list is filled anew for the next piece.</param>
internal readonly record struct Piece(short Slot, List<StoredReading> Readings);
