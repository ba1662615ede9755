using System.Buffers.Binary;
using System.Diagnostics;
using Npgsql;

namespace EasySmart.Load;

/// <summary>(c) The database alone: the same rows, laid out and batched as ingestion does, by COPY into the same indexed hypertable.</summary>
internal sealed class CopyAlone(PayloadShape shape, int slots, int devices)
{
    private const string Command =
        "COPY readings (tenant_id, device_id, slot, time, received_at, form, value, payload, bytes) FROM STDIN (FORMAT BINARY)";

    private const int RowsInOne = 2000;
    private const long PostgresEpochTicks = 630_822_816_000_000_000;
    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];

    private readonly Guid[] _devices = [.. Enumerable.Range(0, devices).Select(_ => Guid.CreateVersion7())];
    private readonly byte[] _rows = new byte[RowsInOne * (128 + Payloads.MostBytes)];
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
            await using var transaction = await connection.BeginTransactionAsync(cancellation);
            await using (var copy = await connection.BeginRawBinaryCopyAsync(Command, cancellation))
            {
                await copy.WriteAsync(_rows.AsMemory(0, Fill(count)), cancellation);
            }

            await transaction.CommitAsync(cancellation);
            copied += count;
        }

        var seconds = clock.Elapsed.TotalSeconds;
        Console.WriteLine($"  c {copied:N0} rows in {seconds:0.0} s");
        return new Round("c", copied, 0, 0, seconds, copied / seconds, cpu.Take(), [], []);
    }

    private int Fill(int count)
    {
        Span<byte> payload = stackalloc byte[Payloads.MostBytes];
        // A series is stored as its elements.
        var single = shape == PayloadShape.Series ? PayloadShape.ValueTs : shape;
        Header.CopyTo(_rows, 0);
        var at = Header.Length;
        for (var i = 0; i < count; i++)
        {
            var ignored = 0L;
            var bytes = Payloads.Write(payload, single, _number, ref ignored);
            // Microseconds, and no two of them equal.
            _lastTime = Math.Max(_lastTime + 1, (DateTime.UtcNow.Ticks - PostgresEpochTicks) / 10);
            Put16(9, ref at);
            Put(Tenant, ref at);
            Put(_devices[_number / slots % _devices.Length], ref at);
            Put32(2, ref at);
            Put16((short)(_number % slots), ref at);
            Put64(_lastTime, ref at);
            Put64(_lastTime, ref at);
            Put32(2, ref at);
            Put16((short)(single switch { PayloadShape.Value => 1, PayloadShape.ValueTs => 2, _ => 0 }), ref at);
            if (single == PayloadShape.Object)
            {
                Put32(-1, ref at);
                Put32(bytes + 1, ref at);
                // The version of jsonb.
                _rows[at++] = 1;
                payload[..bytes].CopyTo(_rows.AsSpan(at));
                at += bytes;
            }
            else
            {
                Put64(BitConverter.DoubleToInt64Bits(Payloads.ValueOf(_number)), ref at);
                Put32(-1, ref at);
            }

            Put32(4, ref at);
            Put32(bytes, ref at);
            _number++;
        }

        Put16(-1, ref at);
        return at;
    }

    private void Put(Guid value, ref int at)
    {
        Put32(16, ref at);
        value.TryWriteBytes(_rows.AsSpan(at), bigEndian: true, out _);
        at += 16;
    }

    private void Put64(long value, ref int at)
    {
        Put32(8, ref at);
        BinaryPrimitives.WriteInt64BigEndian(_rows.AsSpan(at), value);
        at += 8;
    }

    private void Put32(int value, ref int at)
    {
        BinaryPrimitives.WriteInt32BigEndian(_rows.AsSpan(at), value);
        at += 4;
    }

    private void Put16(short value, ref int at)
    {
        BinaryPrimitives.WriteInt16BigEndian(_rows.AsSpan(at), value);
        at += 2;
    }
}
