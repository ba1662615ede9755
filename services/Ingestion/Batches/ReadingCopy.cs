using System.Buffers;
using System.Buffers.Binary;
using EasySmart.Ingestion.Parsing;
using Npgsql;

namespace EasySmart.Ingestion.Batches;

/// <summary>
/// The fast path: binary COPY into <c>readings</c>. Rows are laid out here, in PostgreSQL's own format, into a buffer that is used again
/// and sent at once; a row costs a tenth of what it does through a writer that is called for each column.
/// </summary>
internal sealed class ReadingCopy
{
    private const string Command =
        "COPY readings (tenant_id, device_id, slot, time, received_at, form, value, payload, bytes) FROM STDIN (FORMAT BINARY)";

    private const short Columns = 9;
    // All columns but the payload, each with its length before it.
    private const int FixedBytes = 128;
    private const byte JsonbVersion = 1;
    private const long PostgresEpoch = 946_684_800_000_000;

    // Signature, no flags, no extension.
    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];

    private static readonly byte[] Trailer = [0xFF, 0xFF];

    private readonly ArrayBufferWriter<byte> _rows = new(1 << 18);

    public async Task WriteAsync(IReadOnlyList<Reading> readings, NpgsqlConnection connection, CancellationToken cancellation)
    {
        _rows.ResetWrittenCount();
        _rows.Write<byte>(Header);
        foreach (var reading in readings)
        {
            Append(reading);
        }

        _rows.Write<byte>(Trailer);
        await using var copy = await connection.BeginRawBinaryCopyAsync(Command, cancellation);
        await copy.WriteAsync(_rows.WrittenMemory, cancellation);
    }

    private void Append(Reading reading)
    {
        var row = _rows.GetSpan(FixedBytes + reading.Payload.Length);
        var at = 0;
        Put16(row, ref at, Columns);
        Put(row, ref at, reading.Message.TenantId);
        Put(row, ref at, reading.Message.DeviceId);
        Put(row, ref at, reading.Message.Slot);
        Put(row, ref at, reading.Time - PostgresEpoch);
        Put(row, ref at, reading.Message.ReceivedAt - PostgresEpoch);
        Put(row, ref at, (short)reading.Form);
        if (double.IsNaN(reading.Value))
        {
            Put32(row, ref at, -1);
        }
        else
        {
            Put(row, ref at, BitConverter.DoubleToInt64Bits(reading.Value));
        }

        if (reading.Form == PayloadForm.Json)
        {
            Put32(row, ref at, reading.Payload.Length + 1);
            row[at++] = JsonbVersion;
            reading.Payload.Span.CopyTo(row[at..]);
            at += reading.Payload.Length;
        }
        else
        {
            Put32(row, ref at, -1);
        }

        Put32(row, ref at, sizeof(int));
        Put32(row, ref at, reading.Payload.Length);
        _rows.Advance(at);
    }

    private static void Put(Span<byte> row, ref int at, Guid value)
    {
        Put32(row, ref at, 16);
        value.TryWriteBytes(row[at..], bigEndian: true, out _);
        at += 16;
    }

    private static void Put(Span<byte> row, ref int at, long value)
    {
        Put32(row, ref at, sizeof(long));
        BinaryPrimitives.WriteInt64BigEndian(row[at..], value);
        at += sizeof(long);
    }

    private static void Put(Span<byte> row, ref int at, short value)
    {
        Put32(row, ref at, sizeof(short));
        Put16(row, ref at, value);
    }

    private static void Put16(Span<byte> row, ref int at, short value)
    {
        BinaryPrimitives.WriteInt16BigEndian(row[at..], value);
        at += sizeof(short);
    }

    private static void Put32(Span<byte> row, ref int at, int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(row[at..], value);
        at += sizeof(int);
    }
}
