using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace EasySmart.Broker;

/// <summary>The parameters of GET /api/v5/clients that our services use; what EMQX would refuse is refused.</summary>
internal sealed record ClientQuery(
    IReadOnlySet<string>? UserNames, IReadOnlySet<string>? ClientIds, bool? Connected, IReadOnlySet<string>? Fields, int Page, int Limit)
{
    private const int MostAtOnce = 10_000;

    private static readonly string[] s_known = ["username", "clientid", "conn_state", "fields", "page", "limit"];

    private static readonly string[] s_states = ["connected", "disconnected"];

    public static bool TryRead(IQueryCollection query, [NotNullWhen(true)] out ClientQuery? read, out string problem)
    {
        read = null;
        problem = "";
        var state = query["conn_state"].FirstOrDefault();
        var fields = Set(query["fields"].SelectMany(f => (f ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries)));
        if (query.Keys.FirstOrDefault(k => !s_known.Contains(k)) is { } unknown)
        {
            problem = $"The local broker does not know the parameter {unknown}.";
        }
        else if (state is not null && !s_states.Contains(state))
        {
            problem = "conn_state must be connected or disconnected.";
        }
        else if (fields is not null && !fields.Contains("all") && fields.Except(ClientEntry.Fields).FirstOrDefault() is { } field)
        {
            problem = $"The local broker does not know the field {field}.";
        }
        else if (!TryNumber(query, "page", 1, int.MaxValue, out var page) | !TryNumber(query, "limit", 100, MostAtOnce, out var limit))
        {
            problem = $"page must be 1 or more, and limit 1 to {MostAtOnce}.";
        }
        else
        {
            read = new(
                Set(query["username"]),
                Set(query["clientid"]),
                state is null ? null : state == "connected",
                fields?.Contains("all") == true ? null : fields,
                page,
                limit);
        }

        return read is not null;
    }

    public bool Matches(Session session) =>
        UserNames?.Contains(session.UserName) != false
        && ClientIds?.Contains(session.ClientId) != false
        && (Connected is null || Connected == session.IsConnected);

    private static HashSet<string>? Set(IEnumerable<string?> values)
    {
        var set = values.Select(v => v ?? "").ToHashSet(StringComparer.Ordinal);
        return set.Count == 0 ? null : set;
    }

    private static bool TryNumber(IQueryCollection query, string name, int otherwise, int most, out int number)
    {
        number = otherwise;
        return query[name].FirstOrDefault() is not { } text
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number >= 1 && number <= most);
    }
}
