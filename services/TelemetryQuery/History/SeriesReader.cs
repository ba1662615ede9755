using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.TelemetryQuery.History;

/// <summary>
/// Reads a slot's readings of a range in their order, piece by piece. A piece is one statement that begins where the one before ended, so
/// that nothing is read twice or left out whatever is written meanwhile, and no connection is held between two. What a piece holds is
/// bounded in rows and in text.
/// </summary>
/// <remarks>
/// A statement looks at a part of the range only: PostgreSQL plans each chunk (a day) of what a statement looks at, also those that its
/// LIMIT leaves unread, and a year of them takes it longer than reading thousands of rows. The part grows where little is found.
/// </remarks>
internal sealed class SeriesReader(NpgsqlDataSource database, Guid tenant, Guid device, short slot, TimeRange range, bool newestFirst)
{
    /// <summary>Characters of payloads after which a piece ends.</summary>
    public const int MostText = 4 << 20;

    private const int FirstRows = 2_000;
    private const int MostRows = 8_000;

    private const string Sql =
        """
        SELECT time, form, value, payload::text FROM tenant.readings
        WHERE device_id = $1 AND slot = $2 AND time >= $3 AND time < $4
        ORDER BY time
        """;

    private static readonly TimeSpan ShortestPart = TimeSpan.FromDays(1);

    private TimeRange _left = range;
    private TimeSpan _part = ShortestPart;
    private int _rows = FirstRows;

    /// <summary>Whether all was read.</summary>
    public bool AtEnd => _left.From >= _left.To;

    /// <summary>Adds the next piece to a list. It may be empty, and not the last.</summary>
    public async Task ReadAsync(List<StoredReading> readings, int most, CancellationToken cancellation)
    {
        var (part, limit, before, text) = (NextPart(), Math.Min(most, _rows), readings.Count, 0);
        var query = new NpgsqlBatchCommand($"{Sql} {(newestFirst ? "DESC" : "ASC")} LIMIT {limit}");
        foreach (var value in new object[] { device, slot, part.From, part.To })
        {
            query.Parameters.Add(new() { Value = value });
        }

        await using (var reader = await database.QueryTenantAsync(tenant, query, cancellation))
        {
            while (text < MostText && await reader.ReadAsync(cancellation))
            {
                var reading = new StoredReading(
                    reader.GetDateTime(0), reader.GetInt16(1), reader.IsDBNull(2) ? null : reader.GetDouble(2), reader.IsDBNull(3) ? null : reader.GetString(3));
                readings.Add(reading);
                text += reading.Payload?.Length ?? 0;
            }
        }

        var count = readings.Count - before;
        if (count == limit || text >= MostText)
        {
            var last = readings[^1].Time;
            _part = Max(ShortestPart, 2 * (newestFirst ? part.To - last : last - part.From));
            _left = newestFirst ? _left.Before(last) : _left.After(last);
        }
        else
        {
            _part = 4 * (part.To - part.From);
            _left = newestFirst ? _left with { To = part.From } : _left with { From = part.To };
        }

        // Rows that come after the text was enough are sent for nothing.
        _rows = text >= MostText ? count : Math.Min(2 * _rows, MostRows);
    }

    private TimeRange NextPart() => _left.To - _left.From <= _part ? _left
        : newestFirst ? _left with { From = _left.To - _part }
        : _left with { To = _left.From + _part };

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
