using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.TelemetryQuery.Limits;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary><c>GET /telemetry/limits</c>: what a tenant has under way, told also when it may have no more.</summary>
public sealed class QueryLimitsTests(QueryHost shared)
{
    private const string Nothing = "concurrent_queries 0/2 ok, concurrent_exports 0/2 ok, concurrent_streams 0/5 ok, aggregates_from_readings 0/1 ok";

    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_limit_is_told_with_every_field_and_with_what_the_configuration_says()
    {
        await using var host = await StartAsync();
        var told = await host.Reader(_tenant).GetFromJsonAsync<JsonElement>("/telemetry/limits", Cancellation);
        Assert.Equal(["tenant_id", "limits"], told.EnumerateObject().Select(field => field.Name));
        Assert.Equal(_tenant, told.GetProperty("tenant_id").GetGuid());
        Assert.Equal(
            [
                """{"limit":"concurrent_queries","scope":"tenant","max":2,"used":0,"remaining":2,"percent":0,"unit":"queries","window_seconds":0,"resets_at":null,"state":"ok","at_limit":"1 more wait for one to end, 30 s at most; one that gets no place, or finds no room to wait, is refused: 429 rate_limited with Retry-After 1."}""",
                """{"limit":"concurrent_exports","scope":"tenant","max":2,"used":0,"remaining":2,"percent":0,"unit":"exports","window_seconds":0,"resets_at":null,"state":"ok","at_limit":"One more is refused at once: 429 rate_limited with Retry-After 10."}""",
                """{"limit":"concurrent_streams","scope":"tenant","max":5,"used":0,"remaining":5,"percent":0,"unit":"live streams","window_seconds":0,"resets_at":null,"state":"ok","at_limit":"One more is refused at once: 429 rate_limited with Retry-After 10."}""",
                """{"limit":"aggregates_from_readings","scope":"tenant","max":1,"used":0,"remaining":1,"percent":0,"unit":"aggregates","window_seconds":0,"resets_at":null,"state":"ok","at_limit":"Aggregates of many readings go one at a time, and rest so that all tenants' together take 8 % of one processor. One more waits up to 20 s for its turn; one that would rest for longer, or whose turn does not come, is refused: 429 rate_limited, with the seconds left to rest as Retry-After. Buckets of 15m or longer without p95 need no turn."}""",
            ],
            told.GetProperty("limits").EnumerateArray().Select(limit => limit.GetRawText().Replace("\\u0027", "'", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Queries_warn_at_the_limit_are_blocked_when_none_may_wait_either_and_the_tenant_can_still_ask()
    {
        await using var host = await StartAsync();
        var calls = new List<Task>();
        foreach (var expected in new[] { "concurrent_queries 1/2 ok", "concurrent_queries 2/2 warning", "concurrent_queries 2/2 blocked" })
        {
            calls.Add(host.Reader(_tenant).GetAsync("/__held/Query", Cancellation));
            await Eventually.TrueAsync(async () => await ToldAsync(host, _tenant) == Nothing.Replace("concurrent_queries 0/2 ok", expected, StringComparison.Ordinal));
        }

        Assert.Equal(Nothing, await ToldAsync(host, Guid.CreateVersion7()));
        host.Open(_tenant);
        await Task.WhenAll(calls);
        await Eventually.TrueAsync(async () => await ToldAsync(host, _tenant) == Nothing);
    }

    [Theory]
    [InlineData("Export", "concurrent_exports 0/2 ok", "concurrent_exports 1/2 ok", "concurrent_exports 2/2 blocked")]
    [InlineData(
        "Stream", "concurrent_streams 0/5 ok", "concurrent_streams 1/5 ok", "concurrent_streams 2/5 ok", "concurrent_streams 3/5 ok",
        "concurrent_streams 4/5 warning", "concurrent_streams 5/5 blocked")]
    public async Task Of_exports_and_streams_that_are_under_way_each_is_told(string kind, string none, params string[] told)
    {
        await using var host = await StartAsync();
        var calls = new List<Task>();
        foreach (var expected in told)
        {
            calls.Add(host.Reader(_tenant).GetAsync($"/__held/{kind}", Cancellation));
            await Eventually.TrueAsync(async () => await ToldAsync(host, _tenant) == Nothing.Replace(none, expected, StringComparison.Ordinal));
        }

        Assert.Equal(Nothing, await ToldAsync(host, Guid.CreateVersion7()));
        host.Open(_tenant);
        await Task.WhenAll(calls);
        await Eventually.TrueAsync(async () => await ToldAsync(host, _tenant) == Nothing);
    }

    [Fact]
    public async Task The_operator_asks_for_the_tenant_that_has_the_turn()
    {
        await using var host = await StartAsync();
        using var turn = (await host.Services.GetRequiredService<HeavyReads>().EnterAggregateAsync(_tenant, Cancellation)).Place!;
        var admin = host.As(null, role: "super_admin", permissions: "system:admin");
        Assert.EndsWith("aggregates_from_readings 1/1 warning", await ToldAsync(admin, $"?tenant_id={_tenant}"), StringComparison.Ordinal);
        Assert.Equal(Nothing, await ToldAsync(admin, $"?tenant_id={Guid.CreateVersion7()}"));
        await Envelope.AssertAsync(await host.Reader(Guid.CreateVersion7()).GetAsync($"/telemetry/limits?tenant_id={_tenant}", Cancellation), 400, "bad_request");
    }

    private static Task<string> ToldAsync(LimitedHost host, Guid tenant) => ToldAsync(host.Reader(tenant), "");

    private static async Task<string> ToldAsync(HttpClient client, string query)
    {
        var told = await client.GetFromJsonAsync<JsonElement>($"/telemetry/limits{query}", Cancellation);
        return string.Join(", ", told.GetProperty("limits").EnumerateArray().Select(
            limit => $"{limit.GetProperty("limit")} {limit.GetProperty("used")}/{limit.GetProperty("max")} {limit.GetProperty("state")}"));
    }

    private Task<LimitedHost> StartAsync() => LimitedHost.StartAsync(
        shared, ("Queries", "2"), ("QueuedQueries", "1"), ("QueueSeconds", "30"), ("Exports", "2"), ("Streams", "5"), ("HeavyShare", "0.08"));
}
