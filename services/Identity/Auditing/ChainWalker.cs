using System.Globalization;
using Npgsql;

namespace EasySmart.Identity.Auditing;

/// <summary>Walks one chain up to its first break.</summary>
internal sealed class ChainWalker(NpgsqlTransaction snapshot, Chain chain)
{
    private const int PersonalAt = 7;
    private const int FieldsAt = PersonalAt + 3;

    // A record also contradicts a head that was published with another hash at its place: somebody rewrote the chain up to here.
    private static readonly string Records =
        $"""
        SELECT event_id, chain_position, hash, previous_hash, personal_salt, personal_hash,
               (SELECT min(p.day) FROM audit_published_heads p
                WHERE p.chain = audit.chain AND p.position = audit.chain_position AND p.hash <> audit.hash),
               {AuditHash.PersonalFields}, {AuditHash.Fields},
               CASE WHEN event_type = 'audit.personal_erased' AND actor_type = 'system' THEN metadata ->> 'records' END
        FROM audit WHERE chain = $1 ORDER BY audit.chain_position
        """;

    private long _records;
    private long _erased;
    private long _erasuresTold;
    private byte[]? _head;

    public async Task<ChainReport> WalkAsync(CancellationToken cancellation)
    {
        var wrong = await FirstWrongRecordAsync(cancellation) ?? await WrongEndAsync(cancellation);
        if (wrong is null && _erased != _erasuresTold)
        {
            wrong = Invariant($"personal data of {_erased} records is gone, and records of erasures account for {_erasuresTold}");
        }

        return new ChainReport(chain, _records, _erased, _head, wrong);
    }

    private async Task<string?> FirstWrongRecordAsync(CancellationToken cancellation)
    {
        await using var command = Command(Records);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            if (Wrong(reader) is { } wrong)
            {
                return Invariant($"record {reader.GetGuid(0)} at position {reader.GetInt64(1)}: {wrong}");
            }

            _records++;
            _head = reader.GetFieldValue<byte[]>(2);
        }

        return null;
    }

    private string? Wrong(NpgsqlDataReader row)
    {
        var (position, hash) = (row.GetInt64(1), row.GetFieldValue<byte[]>(2));
        if (position != _records + 1)
        {
            return position <= _records ? "it was put in" : Invariant($"the {position - _records - 1} before it are gone");
        }

        if (!Same(Bytes(row, 3), _head))
        {
            return "it does not follow the record before it";
        }

        var last = row.FieldCount - 1;
        if (!Same(hash, AuditHash.Of(Texts(row, FieldsAt, last))))
        {
            return "it was changed after it was stored";
        }

        if (!row.IsDBNull(6))
        {
            return Invariant($"it is not the one whose hash was published on {row.GetFieldValue<DateOnly>(6):yyyy-MM-dd}");
        }

        _erasuresTold += long.TryParse(Texts(row, last, last + 1)[0], CultureInfo.InvariantCulture, out var told) ? told : 0;
        return WrongPersonal(Texts(row, PersonalAt, FieldsAt), Bytes(row, 4), Bytes(row, 5));
    }

    private string? WrongPersonal(string?[] personal, byte[]? salt, byte[]? hash)
    {
        if (salt is not null)
        {
            return Same(hash, AuditHash.Of(personal, salt)) ? null : "its personal data was changed after it was stored";
        }

        _erased += hash is null ? 0 : 1;
        return personal.All(field => field is null) ? null : "personal data was added to it after it was stored";
    }

    private async Task<string?> WrongEndAsync(CancellationToken cancellation)
    {
        var head = await OneAsync("SELECT position, hash FROM audit_heads WHERE chain = $1", cancellation);
        // The newest that was published goes furthest.
        var published = await OneAsync(
            "SELECT position, hash FROM audit_published_heads WHERE chain = $1 ORDER BY position DESC LIMIT 1", cancellation);
        return (head, published) switch
        {
            (_, { Position: var until }) when until > _records => Gone(until, "a published head"),
            ({ Position: var until }, _) when until > _records => Gone(until, "the chain's head"),
            ({ } end, _) when end.Position < _records || !Same(end.Hash, _head) => "the chain's head is not its last record",
            (null, _) when _records > 0 => "the chain's head is gone",
            (null, null) => "there is no such chain",
            _ => null,
        };
    }

    private string Gone(long until, string witness) => Invariant($"{until - _records} records after position {_records} are gone, as {witness} tells");

    private async Task<End?> OneAsync(string sql, CancellationToken cancellation)
    {
        await using var command = Command(sql);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? new End(reader.GetInt64(0), Bytes(reader, 1)) : null;
    }

    private NpgsqlCommand Command(string sql) =>
        new(sql, snapshot.Connection, snapshot) { CommandTimeout = 0, Parameters = { new() { Value = chain.Id } } };

    private static string?[] Texts(NpgsqlDataReader row, int from, int to) =>
        [.. Enumerable.Range(from, to - from).Select(i => row.IsDBNull(i) ? null : row.GetString(i))];

    private static byte[]? Bytes(NpgsqlDataReader row, int at) => row.IsDBNull(at) ? null : row.GetFieldValue<byte[]>(at);

    private static bool Same(byte[]? left, byte[]? right) => left is null ? right is null : right is not null && left.AsSpan().SequenceEqual(right);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private sealed record End(long Position, byte[]? Hash);
}
