using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Identity.Tests;

/// <summary><c>GET /audit</c> as a tenant's admin and as the operator.</summary>
public sealed class AuditListTests(IdentityHost host)
{
    private static readonly string[] Fields =
    [
        "id", "tenant_id", "user_id", "device_id", "event_type", "event_category", "severity", "actor_type", "actor_id", "resource_type", "resource_id",
        "action", "result", "ip_address", "user_agent", "request_id", "metadata", "timestamp", "chain_position", "hash",
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_record_has_the_contracts_fields()
    {
        var (tenant, user, device) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await RecordAsync(tenant, ("user_id", user), ("device_id", device), ("actor_id", user), ("resource_type", "device"), ("resource_id", device),
            ("ip_address", "2001:db8::1"), ("user_agent", "agent"), ("request_id", "r"), ("metadata", """{"n": 1.5, "email": "ana@example.com"}"""),
            ("timestamp", "2026-02-15T01:02:03.456789Z"));
        var record = Assert.Single(await ListAsync(tenant, ""));
        Assert.Equal(Fields, record.EnumerateObject().Select(field => field.Name));
        Assert.Equal((tenant, user, device), (IdOf(record, "tenant_id"), IdOf(record, "user_id"), IdOf(record, "device_id")));
        Assert.Equal("2026-02-15T01:02:03.456789Z", record.GetProperty("timestamp").GetString());
        Assert.True(JsonElement.DeepEquals(JsonSerializer.SerializeToElement(new { n = 1.5, email = "ana@example.com" }), record.GetProperty("metadata")));
        Assert.Equal(1, record.GetProperty("chain_position").GetInt64());
        Assert.Matches("^[0-9a-f]{64}$", record.GetProperty("hash").GetString());

        await RecordAsync(tenant);
        var bare = (await ListAsync(tenant, "result=success&limit=1"))[0];
        Assert.All(["user_id", "device_id", "ip_address", "metadata", "resource_id"], name => Assert.Equal(JsonValueKind.Null, bare.GetProperty(name).ValueKind));
    }

    [Theory]
    [InlineData("event_type=auth.login", "login")]
    [InlineData("event_type=auth.*", "login", "refresh")]
    [InlineData("event_type=auth.l%25*")]
    [InlineData("event_type=*", "login", "refresh", "device", "quota")]
    [InlineData("event_category=device", "device")]
    [InlineData("actor_id=somebody", "refresh")]
    [InlineData("actor_type=api_key", "device")]
    [InlineData("user_id=01890000-0000-7000-8000-00000000000a", "login")]
    [InlineData("device_id=01890000-0000-7000-8000-00000000000b", "device")]
    [InlineData("resource_type=tenant", "quota")]
    [InlineData("resource_type=device&resource_id=the-device", "device")]
    [InlineData("result=denied", "quota")]
    [InlineData("result=success", "login", "refresh", "device")]
    [InlineData("from=2026-02-15T02:00:00Z", "refresh", "device", "quota")]
    [InlineData("to=2026-02-15T02:00:00Z", "login")]
    [InlineData("from=2026-02-15T00:00:00-02:00&to=2026-02-15T04:00:00Z", "refresh", "device")]
    [InlineData("event_category=auth&result=failed")]
    public async Task Filters_choose(string query, params string[] actions)
    {
        var tenant = Guid.CreateVersion7();
        await RecordAsync(tenant, ("event_type", "auth.login"), ("action", "login"), ("user_id", "01890000-0000-7000-8000-00000000000a"), ("timestamp", "2026-02-15T01:00:00Z"));
        await RecordAsync(tenant, ("event_type", "auth.refresh"), ("action", "refresh"), ("actor_id", "somebody"), ("timestamp", "2026-02-15T02:00:00Z"));
        await RecordAsync(tenant, ("event_type", "device.provisioned"), ("event_category", "device"), ("action", "device"), ("actor_type", "api_key"),
            ("device_id", "01890000-0000-7000-8000-00000000000b"), ("resource_type", "device"), ("resource_id", "the-device"), ("timestamp", "2026-02-15T03:00:00Z"));
        await RecordAsync(tenant, ("event_type", "quota.updated"), ("event_category", "quota"), ("action", "quota"), ("resource_type", "tenant"),
            ("result", "denied"), ("timestamp", "2026-02-15T04:00:00Z"));
        Assert.Equal(actions.Reverse(), (await ListAsync(tenant, query)).Select(record => record.GetProperty("action").GetString()));
    }

    [Fact]
    public async Task Pages_hold_everything_once_while_more_is_recorded()
    {
        var tenant = Guid.CreateVersion7();
        for (var i = 0; i < 7; i++)
        {
            // Two of the same microsecond, so that time alone could not tell where to go on.
            await RecordAsync(tenant, ("action", $"a{i}"), ("timestamp", $"2026-02-15T00:00:0{i / 2}Z"));
        }

        var client = Admin(tenant);
        var (seen, next) = (new List<string>(), "?limit=3&event_type=auth.*");
        while (next.Length > 0)
        {
            using var answer = await client.GetAsync($"/audit{next}", Cancellation);
            seen.AddRange((await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).EnumerateArray().Select(record => record.GetProperty("action").GetString()!));
            next = answer.Headers.TryGetValues("Link", out var links) ? links.Single() : "";
            Assert.True(next.Length == 0 || (next.StartsWith("<?", StringComparison.Ordinal) && next.EndsWith(">; rel=\"next\"", StringComparison.Ordinal)), next);
            next = next.Length == 0 ? "" : next[1..next.IndexOf('>', StringComparison.Ordinal)];
            await RecordAsync(tenant, ("action", "meanwhile"), ("timestamp", "2026-02-16T00:00:00Z"));
        }

        Assert.Equal(["a6", "a5", "a4", "a3", "a2", "a1", "a0"], seen);
    }

    [Theory]
    [InlineData("from=yesterday", "from")]
    [InlineData("to=2026-13-01T00:00:00Z", "to")]
    [InlineData("from=2026-02-16T00:00:00Z&to=2026-02-15T00:00:00Z", "from")]
    [InlineData("user_id=7", "user_id")]
    [InlineData("device_id=x", "device_id")]
    [InlineData("event_type=a%00b", "event_type")]
    [InlineData("actor_id=", "actor_id")]
    [InlineData("result=%0A", "result")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1001", "limit")]
    [InlineData("limit=many", "limit")]
    [InlineData("cursor=x", "cursor")]
    [InlineData("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OS8x", "cursor")]
    [InlineData("tenant_id=7", "tenant_id")]
    [InlineData("tenant_id=01890000-0000-7000-8000-00000000000a", "tenant_id")]
    [InlineData("tenant_id=platform", "tenant_id")]
    public async Task A_bad_value_is_400_and_named(string query, string field)
    {
        var client = Admin(Guid.CreateVersion7());
        foreach (var route in field is "limit" or "cursor" ? ["/audit"] : new[] { "/audit", "/audit/export" })
        {
            var envelope = await Envelope.AssertAsync(await client.GetAsync($"{route}?{query}", Cancellation), 400, "bad_request");
            Assert.True(envelope.GetProperty("details").TryGetProperty(field, out _), envelope.ToString());
        }
    }

    [Fact]
    public async Task A_tenant_sees_its_own_and_the_operator_sees_all()
    {
        var (mine, other, mark) = (Guid.CreateVersion7(), Guid.CreateVersion7(), $"mark-{Guid.NewGuid():N}");
        foreach (var tenant in new Guid?[] { mine, other, null })
        {
            await RecordAsync(tenant, ("resource_id", mark));
        }

        Assert.Equal([mine], Tenants(await ListAsync(mine, $"resource_id={mark}")));
        Assert.Equal([mine], Tenants(await ListAsync(mine, $"resource_id={mark}&tenant_id={mine}")));
        var operates = Operator();
        Assert.Equal([null, other, mine], Tenants(await ReadAsync(operates, $"resource_id={mark}")));
        Assert.Equal([other], Tenants(await ReadAsync(operates, $"resource_id={mark}&tenant_id={other}")));
        Assert.Equal([null], Tenants(await ReadAsync(operates, $"resource_id={mark}&tenant_id=platform")));

        // A platform-wide key that may read audits but does not operate: one tenant at a time, as everywhere.
        var key = host.As(null, permissions: Permissions.AuditRead);
        await Envelope.AssertAsync(await key.GetAsync("/audit", Cancellation), 400, "bad_request");
        await Envelope.AssertAsync(await key.GetAsync("/audit?tenant_id=platform", Cancellation), 400, "bad_request");
        Assert.Equal([other], Tenants(await ReadAsync(key, $"resource_id={mark}&tenant_id={other}")));
    }

    [Theory]
    [InlineData("/audit")]
    [InlineData("/audit/export")]
    [InlineData("/audit/heads")]
    public async Task Only_who_may_read_it_does(string route)
    {
        await Envelope.AssertAsync(await host.Anonymous().GetAsync(route, Cancellation), 401, "unauthorized");
        await Envelope.AssertAsync(await host.As(Guid.CreateVersion7(), permissions: Permissions.UsersRead).GetAsync(route, Cancellation), 403, "forbidden");
    }

    [Fact]
    public async Task A_denied_call_is_recorded_once_a_minute()
    {
        var (tenant, user) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var nosy = host.As(tenant, user, role: "tenant_user", permissions: Permissions.DevicesRead);
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => nosy.GetAsync("/audit?limit=7", Cancellation)));
        var record = await Eventually.GetAsync(async () => (await ListAsync(tenant, "event_type=access.denied")) is [var found, ..] ? new { Value = found } : null);
        Assert.Equal(
            ("denied", "user", user.ToString(), "route", "GET /audit"),
            (Text("result"), Text("actor_type"), Text("actor_id"), Text("resource_type"), Text("resource_id")));
        Assert.Equal("identity", record.Value.GetProperty("metadata").GetProperty("service").GetString());
        // The minute may have ended in between, but not four times.
        Assert.InRange((await ListAsync(tenant, "event_type=access.denied")).Length, 1, 2);

        string? Text(string name) => record.Value.GetProperty(name).GetString();
    }

    private HttpClient Admin(Guid tenant) => host.As(tenant, permissions: Permissions.AuditRead);

    private HttpClient Operator() => host.As(null, role: "super_admin", permissions: Permissions.SystemAdmin);

    private Task<JsonElement[]> ListAsync(Guid tenant, string query) => ReadAsync(Admin(tenant), query);

    private static async Task<JsonElement[]> ReadAsync(HttpClient client, string query) =>
        [.. (await Person.OkAsync(await client.GetAsync($"/audit?{query}", Cancellation))).EnumerateArray()];

    private static Guid?[] Tenants(JsonElement[] records) =>
        [.. records.Select(record => record.GetProperty("tenant_id") is { ValueKind: JsonValueKind.String } id ? id.GetGuid() : (Guid?)null)];

    private static Guid IdOf(JsonElement record, string name) => record.GetProperty(name).GetGuid();

    // As the consumer would have it stored; what is not told has a value that no filter looks for.
    private Task RecordAsync(Guid? tenant, params (string Column, object Value)[] columns)
    {
        var values = new Dictionary<string, object>
        {
            ["event_id"] = Guid.CreateVersion7(),
            ["event_type"] = "auth.other",
            ["event_category"] = "auth",
            ["severity"] = "info",
            ["actor_type"] = "user",
            ["action"] = "other",
            ["result"] = "success",
            ["timestamp"] = DateTimeOffset.UtcNow.ToString("O", CultureInfo.InvariantCulture),
        };
        foreach (var (column, value) in columns)
        {
            values[column] = value;
        }

        if (tenant is { } id)
        {
            values["tenant_id"] = id;
        }

        return Sql.RunAsync(
            host.Database.For("identity_system"),
            $"INSERT INTO audit ({string.Join(", ", values.Keys)}) VALUES ({string.Join(", ", values.Values.Select(value => $"'{value}'"))})");
    }
}
