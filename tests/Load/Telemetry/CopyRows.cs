using System.Buffers.Binary;
using Npgsql;

namespace EasySmart.Load;

/// <summary>Rows of <c>readings</c> as binary COPY takes them, laid out in one buffer as ingestion does it.</summary>
/// <param name="most">Rows that one COPY carries.</param>
internal sealed class CopyRows(int most)
{
    private const string Command =
        "COPY readings (tenant_id, device_id, slot, time, received_at, form, value, payload, bytes) FROM STDIN (FORMAT BINARY)";

    private const long PostgresEpochTicks = 630_822_816_000_000_000;
    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];

    private readonly byte[] _rows = new byte[most * (128 + Payloads.MostBytes)];
    private int _at;

    /// <summary>Microseconds as PostgreSQL counts them.</summary>
    public static long MicrosOf(DateTime time) => (time.Ticks - PostgresEpochTicks) / 10;

    public void Begin()
    {
        Header.CopyTo(_rows, 0);
        _at = Header.Length;
    }

    /// <summary>Adds a reading that says no more than its number, or with <paramref name="json"/> one that does.</summary>
    public void Add(Guid tenant, Guid device, short slot, long time, short form, double value, int bytes, ReadOnlySpan<byte> json = default)
    {
        Put16(9);
        Put(tenant);
        Put(device);
        Put32(2);
        Put16(slot);
        Put64(time);
        Put64(time);
        Put32(2);
        Put16(form);
        Put64(BitConverter.DoubleToInt64Bits(value));
        if (json.IsEmpty)
        {
            Put32(-1);
        }
        else
        {
            Put32(json.Length + 1);
            // The version of jsonb.
            _rows[_at++] = 1;
            json.CopyTo(_rows.AsSpan(_at));
            _at += json.Length;
        }

        Put32(4);
        Put32(bytes);
    }

    public async Task SendAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        Put16(-1);
        await using var copy = await connection.BeginRawBinaryCopyAsync(Command, cancellation);
        await copy.WriteAsync(_rows.AsMemory(0, _at), cancellation);
    }

    private void Put(Guid value)
    {
        Put32(16);
        value.TryWriteBytes(_rows.AsSpan(_at), bigEndian: true, out _);
        _at += 16;
    }

    private void Put64(long value)
    {
        Put32(8);
        BinaryPrimitives.WriteInt64BigEndian(_rows.AsSpan(_at), value);
        _at += 8;
    }

    private void Put32(int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(_rows.AsSpan(_at), value);
        _at += 4;
    }

    private void Put16(short value)
    {
        BinaryPrimitives.WriteInt16BigEndian(_rows.AsSpan(_at), value);
        _at += 2;
    }
}
