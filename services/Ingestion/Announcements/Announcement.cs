using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using EasySmart.Ingestion.Parsing;
using Npgsql;
using NpgsqlTypes;

namespace EasySmart.Ingestion.Announcements;

/// <summary>
/// What a commit tells those who follow its tenants live: <c>{"tenant": …, "readings": [{"device", "slot", "time", "received", "value"}]}</c>,
/// times in microseconds since 1970, as many notices as it takes. A value that fits in none is left out, to be read from the database.
/// </summary>
internal sealed class Announcement
{
    /// <summary>Here readings are told, in the commit that stores them.</summary>
    internal const string Channel = "readings";

    /// <summary>Bytes of one notice; PostgreSQL refuses 8,000.</summary>
    internal const int MostBytes = 7999;

    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = PayloadReader.MaxDepth + 1 };
    private readonly ArrayBufferWriter<byte> _reading = new();
    private readonly List<string> _notices = [];
    private readonly StringBuilder _notice = new();
    private int _bytes;

    /// <summary>Tells what was newly stored for watched tenants; null when that is nothing.</summary>
    public static NpgsqlBatchCommand? Of(IReadOnlyList<Reading> stored, WatchedTenants watched)
    {
        if (watched.IsEmpty)
        {
            return null;
        }

        var announcement = new Announcement();
        foreach (var ofTenant in stored.GroupBy(reading => reading.Message.TenantId).Where(group => watched.Contains(group.Key)))
        {
            announcement.Add(ofTenant.Key, ofTenant);
        }

        return announcement._notices.Count == 0 ? null : new NpgsqlBatchCommand($"SELECT pg_notify('{Channel}', notice) FROM unnest($1) AS notice")
        {
            Parameters = { new() { Value = announcement._notices.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text } },
        };
    }

    private void Add(Guid tenant, IEnumerable<Reading> readings)
    {
        var (head, tail) = ($$"""{"tenant":"{{tenant}}","readings":[""", "]}");
        var room = MostBytes - head.Length - tail.Length;
        foreach (var reading in readings)
        {
            Write(reading, withValue: true);
            if (_reading.WrittenCount > room)
            {
                Write(reading, withValue: false);
            }

            if (_bytes > 0 && _bytes + 1 + _reading.WrittenCount > room)
            {
                Close();
            }

            _notice.Append(_bytes == 0 ? head : ",").Append(Encoding.UTF8.GetString(_reading.WrittenSpan));
            _bytes += (_bytes == 0 ? 0 : 1) + _reading.WrittenCount;
        }

        Close();

        void Close()
        {
            _notices.Add(_notice.Append(tail).ToString());
            _notice.Clear();
            _bytes = 0;
        }
    }

    private void Write(Reading reading, bool withValue)
    {
        _reading.ResetWrittenCount();
        using var json = new Utf8JsonWriter(_reading, Plain);
        json.WriteStartObject();
        json.WriteString("device"u8, reading.Message.DeviceId);
        json.WriteNumber("slot"u8, reading.Message.Slot);
        json.WriteNumber("time"u8, reading.Time);
        json.WriteNumber("received"u8, reading.Message.ReceivedAt);
        // What is far too large would be written for nothing.
        if (withValue && reading.Payload.Length <= 2 * MostBytes)
        {
            json.WritePropertyName("value"u8);
            using var value = JsonDocument.Parse(reading.Payload, Deep);
            // Without the blanks and line breaks that its device may have put in.
            value.RootElement.WriteTo(json);
        }

        json.WriteEndObject();
    }
}
