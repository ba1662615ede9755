using System.Text;
using EasySmart.Ingestion.Parsing;
using Npgsql;
using NpgsqlTypes;

namespace EasySmart.Ingestion.Batches;

/// <summary>Readings as arrays, one for each column, for statements that <c>unnest</c> them.</summary>
internal static class ReadingColumns
{
    /// <summary>What the parameters are unnested as, in the order of the names.</summary>
    public const string Unnest =
        "unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::timestamptz[], $5::timestamptz[], $6::smallint[], $7::float8[], $8::jsonb[], $9::integer[])";

    public const string Names = "tenant_id, device_id, slot, time, received_at, form, value, payload, bytes";

    public static void AddTo(NpgsqlParameterCollection parameters, IReadOnlyList<Reading> readings)
    {
        parameters.Add(Column(readings, r => r.Message.TenantId));
        parameters.Add(Column(readings, r => r.Message.DeviceId));
        parameters.Add(Column(readings, r => r.Message.Slot));
        parameters.Add(Column(readings, r => ReadingTime.Of(r.Time).UtcDateTime));
        parameters.Add(Column(readings, r => ReadingTime.Of(r.Message.ReceivedAt).UtcDateTime));
        parameters.Add(Column(readings, r => (short)r.Form));
        parameters.Add(Column(readings, r => double.IsNaN(r.Value) ? (double?)null : r.Value));
        var payloads = Column(readings, r => r.Form == PayloadForm.Json ? Encoding.UTF8.GetString(r.Payload.Span) : null);
        payloads.NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb;
        parameters.Add(payloads);
        parameters.Add(Column(readings, r => r.Payload.Length));
    }

    private static NpgsqlParameter<T[]> Column<T>(IReadOnlyList<Reading> readings, Func<Reading, T> value)
    {
        var column = new T[readings.Count];
        for (var i = 0; i < column.Length; i++)
        {
            column[i] = value(readings[i]);
        }

        return new NpgsqlParameter<T[]> { TypedValue = column };
    }
}
