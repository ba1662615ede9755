using System.Text;

namespace EasySmart.Fleet.Tests.Fuzzing;

/// <summary>One input, made of a number alone: the same number and the same routes make the same input.</summary>
internal sealed record FuzzInput(string Method, string Target, bool AsOperator, string? ContentType, byte[]? Body)
{
    private static readonly string?[] OtherTypes =
        [null, "text/plain", "application/xml", "application/json; charset=utf-16", "application/json;;", "multipart/form-data", "application/x-www-form-urlencoded", "x"];

    private static readonly byte[][] Wholes =
    [
        [], "null"u8.ToArray(), "[]"u8.ToArray(), "0"u8.ToArray(), "\"x\""u8.ToArray(), "true"u8.ToArray(), "{"u8.ToArray(), "}"u8.ToArray(), "{} {}"u8.ToArray(),
        "{}//"u8.ToArray(), "{,}"u8.ToArray(), "{\"a\"}"u8.ToArray(), "{'a':1}"u8.ToArray(), [0xEF, 0xBB, 0xBF, (byte)'{', (byte)'}'], Encoding.Unicode.GetBytes("{}"), new byte[64],
    ];

    public override string ToString()
    {
        var body = Body is null ? "" : Convert.ToBase64String(Body.AsSpan(0, Math.Min(Body.Length, 600)));
        return $"{(AsOperator ? "operator" : "tenant")}: {Method} {(Target.Length > 300 ? Target[..300] + "…" : Target)} ({ContentType}, {Body?.Length} bytes) {body}";
    }

    public static FuzzInput Make(int number, ApiRoute[] routes)
    {
        var random = new Random(number);
        // Calls with a body are what this is about; the others' paths and queries come along.
        var withBody = Array.FindAll(routes, route => route.Body is not null);
        var others = Array.FindAll(routes, route => route.Body is null);
        var route = Odd.Pick(random, others.Length == 0 || random.Next(6) > 0 ? withBody : others);
        // Mostly as whoever may: a 403 is soon said.
        var asOperator = random.Next(8) == 0 ^ route.IsOperators;
        if (route.Body is not { } schema)
        {
            return new FuzzInput(route.Method, TargetOf(random, route, odd: 2), asOperator, null, null);
        }

        // Slow hashes are not what is tested: only some of what would reach one does.
        var body = BodyOf(random, schema, mayFit: !route.Hashes || random.Next(25) == 0);
        return new FuzzInput(
            route.Method,
            TargetOf(random, route, odd: 10),
            asOperator,
            random.Next(12) == 0 ? Odd.Pick(random, OtherTypes) : "application/json",
            body);
    }

    private static byte[] BodyOf(Random random, Schema schema, bool mayFit)
    {
        var fitting = schema.Properties.Select(property => (property.Name, Value: Odd.Fitting(random, property))).ToArray();
        byte[] Replaced(byte[] value)
        {
            var at = fitting.Length == 0 ? -1 : random.Next(fitting.Length);
            return Odd.Object([.. fitting.Select((property, i) => i == at ? (property.Name, value) : property), .. at < 0 ? [("a", value)] : Array.Empty<(string, byte[])>()]);
        }

        switch (random.Next(mayFit ? 15 : 9))
        {
            case 0:
                var bytes = new byte[random.Next(600)];
                random.NextBytes(bytes);
                return bytes;
            case 1:
                var whole = Odd.Object(fitting);
                return whole[..random.Next(whole.Length)];
            case 2: return Odd.Deep(random);
            case 3: return Replaced(Odd.Deep(random));
            case 4: return Replaced(Odd.Number(random));
            case 5: return Replaced(Odd.NotUtf8(random));
            case 6: return Odd.Object([.. fitting, .. fitting.Take(1), .. random.Next(2) == 0 ? fitting : []]);
            case 7: return Odd.Pick(random, Wholes);
            case 8: return Replaced(Odd.Pick(random, ["1"u8.ToArray(), "[]"u8.ToArray(), "{}"u8.ToArray(), "true"u8.ToArray()]));
            case 9: return Replaced(Odd.Giant(random));
            case 10: return Replaced(Odd.Escape(random));
            case 11: return Replaced(Odd.OfAnyType(random));
            case 12: return Odd.Object([.. fitting.Where(_ => random.Next(2) == 0), ("unknown", Odd.OfAnyType(random))]);
            case 13 when random.Next(20) == 0: return new byte[(1 << 20) + 1];
            case 13: return Replaced(Odd.Fitting(random, schema));
            default: return random.Next(4) == 0 ? Odd.Object(fitting) : Replaced(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(Odd.Text(random)));
        }
    }

    private static string TargetOf(Random random, ApiRoute route, int odd)
    {
        var path = string.Join('/', route.Path.Split('/').Select(word =>
            !word.StartsWith('{') ? word : random.Next(odd) == 0 ? Odd.InTarget(random) : Odd.Id(random).ToString()));
        var query = route.Query.Where(_ => random.Next(2) == 0).Select(name => $"{name}={Odd.InTarget(random)}").ToList();
        return $"/api/v1{path}{(query.Count > 0 ? "?" : "")}{string.Join('&', query)}";
    }
}
