using System.Diagnostics;

namespace EasySmart.Load;

/// <summary>(c) The database alone: the same rows, laid out and batched as ingestion does, by COPY into the same indexed hypertable.</summary>
internal sealed class CopyAlone(PayloadShape shape, int slots, int devices)
{
    private const int RowsInOne = 2000;

    private readonly Guid[] _devices = [.. Enumerable.Range(0, devices).Select(_ => Guid.CreateVersion7())];
    private readonly CopyRows _rows = new(RowsInOne);
    private long _number;
    private long _lastTime;

    /// <summary>Whose the rows are; nobody's, and to be deleted.</summary>
    public Guid Tenant { get; } = Guid.CreateVersion7();

    public async Task<Round> MeasureAsync(RunningFleet fleet, Store store, long rows, CancellationToken cancellation)
    {
        await using var connection = await store.OpenAsync(cancellation);
        var (cpu, clock, copied) = (new CpuMeter(fleet, "telemetry"), Stopwatch.StartNew(), 0L);
        while (copied < rows)
        {
            var count = (int)Math.Min(RowsInOne, rows - copied);
            Fill(count);
            await using var transaction = await connection.BeginTransactionAsync(cancellation);
            await _rows.SendAsync(connection, cancellation);
            await transaction.CommitAsync(cancellation);
            copied += count;
        }

        var seconds = clock.Elapsed.TotalSeconds;
        Console.WriteLine($"  c {copied:N0} rows in {seconds:0.0} s");
        return new Round("c", copied, 0, 0, seconds, copied / seconds, cpu.Take(), [], []);
    }

    private void Fill(int count)
    {
        Span<byte> payload = stackalloc byte[Payloads.MostBytes];
        // A series is stored as its elements.
        var single = shape == PayloadShape.Series ? PayloadShape.ValueTs : shape;
        var form = (short)(single switch { PayloadShape.Value => 1, PayloadShape.ValueTs => 2, _ => 0 });
        _rows.Begin();
        for (var i = 0; i < count; i++)
        {
            var ignored = 0L;
            var bytes = Payloads.Write(payload, single, _number, ref ignored);
            // Microseconds, and no two of them equal.
            _lastTime = Math.Max(_lastTime + 1, CopyRows.MicrosOf(DateTime.UtcNow));
            _rows.Add(
                Tenant, _devices[_number / slots % _devices.Length], (short)(_number % slots), _lastTime, form, Payloads.ValueOf(_number), bytes,
                form == 0 ? payload[..bytes] : default);
            _number++;
        }
    }
}
