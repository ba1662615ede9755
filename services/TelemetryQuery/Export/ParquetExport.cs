using Parquet;
using Parquet.Schema;

namespace EasySmart.TelemetryQuery.Export;

/// <summary>Columns <c>timestamp</c> (microseconds, UTC), <c>slot</c>, <c>value</c> and <c>payload</c> as in csv, in groups of rows.</summary>
internal sealed class ParquetExport : IExportWriter
{
    private const int GroupRows = 50_000;
    private const int GroupText = 2 << 20;
    private const int KeptBytes = 4 << 20;

    private static readonly DateTimeDataField Timestamp = new(
        "timestamp", DateTimeFormat.Timestamp, isAdjustedToUTC: true, unit: DateTimeTimeUnit.Micros, isNullable: false);

    private static readonly DataField<short> Slot = new("slot");
    private static readonly DataField<double?> Value = new("value");
    private static readonly DataField<string> Payload = new("payload", nullable: true);

    private readonly ParquetWriter _file;
    private readonly DateTime[] _timestamps = new DateTime[GroupRows];
    private readonly short[] _slots = new short[GroupRows];
    private readonly double?[] _values = new double?[GroupRows];
    private readonly string?[] _payloads = new string?[GroupRows];
    private int _count;
    private int _text;

    private ParquetExport(ParquetWriter file) => _file = file;

    public static async Task<IExportWriter> BeginAsync(Stream body)
    {
        var options = new ParquetOptions
        {
            // Whether a dictionary of payloads would pay is seen in the first thousand.
            DictionaryEncodingSampleSize = 1000,
            // The buffers of a group that are kept for the next one; as the library comes, 80 MiB.
            MaximumSmallPoolFreeBytes = KeptBytes,
            MaximumLargePoolFreeBytes = KeptBytes,
        };
        return new ParquetExport(await ParquetWriter.CreateAsync(new ParquetSchema(Timestamp, Slot, Value, Payload), new ForwardStream(body), options));
    }

    public async Task WriteAsync(Piece piece, CancellationToken cancellation)
    {
        foreach (var reading in piece.Readings)
        {
            (_timestamps[_count], _slots[_count], _values[_count], _payloads[_count]) = (reading.Time, piece.Slot, reading.Value, reading.Payload);
            _count++;
            _text += reading.Payload?.Length ?? 0;
            if (_count == GroupRows || _text >= GroupText)
            {
                await WriteGroupAsync(cancellation);
            }
        }
    }

    public async Task EndAsync(CancellationToken cancellation)
    {
        if (_count > 0)
        {
            await WriteGroupAsync(cancellation);
        }

        await _file.DisposeAsync();
    }

    private async Task WriteGroupAsync(CancellationToken cancellation)
    {
        using var group = _file.CreateRowGroup();
        await group.WriteAsync<DateTime>(Timestamp, _timestamps.AsMemory(0, _count), cancellationToken: cancellation);
        await group.WriteAsync<short>(Slot, _slots.AsMemory(0, _count), cancellationToken: cancellation);
        await group.WriteAsync<double>(Value, (ReadOnlyMemory<double?>)_values.AsMemory(0, _count), cancellationToken: cancellation);
        await group.WriteAsync(Payload, new ArraySegment<string?>(_payloads, 0, _count)!);
        group.CompleteValidate();
        Array.Clear(_payloads);
        (_count, _text) = (0, 0);
    }
}
