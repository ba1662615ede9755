using System.Net;
using EasySmart.Hosting;
using EasySmart.TelemetryQuery.Limits;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>How much one tenant may have under way at once.</summary>
public sealed class LimitTests(QueryHost shared)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Every_route_of_telemetry_but_the_one_that_tells_of_them_has_a_limit()
    {
        var routes = shared.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Where(route => route.RoutePattern.RawText!.StartsWith("/telemetry/", StringComparison.Ordinal));
        Assert.Equal(["/telemetry/limits"], routes.Where(route => route.Metadata.GetMetadata<Limited>() is null).Select(route => route.RoutePattern.RawText));
    }

    [Theory]
    [InlineData("Export", "Exports", "concurrent_exports")]
    [InlineData("Stream", "Streams", "concurrent_streams")]
    public async Task One_more_export_or_stream_than_there_may_be_is_429_at_once_and_of_another_tenant_it_is_not(string kind, string setting, string limit)
    {
        await using var host = await LimitedHost.StartAsync(shared, (setting, "2"));
        var path = $"/__held/{kind}";
        var calls = Enumerable.Range(0, 3).Select(_ => host.Reader(_tenant).GetAsync(path, Cancellation)).ToList();
        var refused = await await Task.WhenAny(calls);
        await AssertRefusedAsync(refused, limit, 2, 10);
        var other = Guid.CreateVersion7();
        host.Open(other);
        Assert.Equal(HttpStatusCode.OK, (await host.Reader(other).GetAsync(path, Cancellation)).StatusCode);

        host.Open(_tenant);
        Assert.Equal(2, (await Task.WhenAll(calls)).Count(answer => answer.StatusCode == HttpStatusCode.OK));
        await PassesAsync(host, path);
    }

    [Fact]
    public async Task A_query_waits_for_one_before_it_as_long_as_the_queue_is_not_full()
    {
        await using var host = await LimitedHost.StartAsync(shared, ("Queries", "2"), ("QueuedQueries", "1"), ("QueueSeconds", "30"));
        var calls = Enumerable.Range(0, 4).Select(_ => host.Reader(_tenant).GetAsync("/__held/Query", Cancellation)).ToList();
        await AssertRefusedAsync(await await Task.WhenAny(calls), "concurrent_queries", 2, 1);
        host.Open(_tenant);
        Assert.Equal(3, (await Task.WhenAll(calls)).Count(answer => answer.StatusCode == HttpStatusCode.OK));
    }

    [Fact]
    public async Task A_query_waits_no_longer_than_it_may()
    {
        await using var host = await LimitedHost.StartAsync(shared, ("Queries", "1"), ("QueueSeconds", "1"));
        var calls = Enumerable.Range(0, 2).Select(_ => host.Reader(_tenant).GetAsync("/__held/Query", Cancellation)).ToList();
        await AssertRefusedAsync(await await Task.WhenAny(calls), "concurrent_queries", 1, 1);
        host.Open(_tenant);
        await Task.WhenAll(calls);
        await PassesAsync(host, "/__held/Query");
    }

    [Fact]
    public async Task A_place_is_kept_until_the_whole_answer_is_sent()
    {
        await using var host = await LimitedHost.StartAsync(shared, ("Exports", "1"));
        using var file = await host.Reader(_tenant).GetAsync("/__held/file", HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.Equal(HttpStatusCode.OK, file.StatusCode);
        await AssertRefusedAsync(await host.Reader(_tenant).GetAsync("/__held/file", Cancellation), "concurrent_exports", 1, 10);
        host.Open(_tenant);
        Assert.Equal("begun", await file.Content.ReadAsStringAsync(Cancellation));
        await PassesAsync(host, "/__held/file");
    }

    [Fact]
    public async Task A_client_that_leaves_gives_its_place_back()
    {
        await using var host = await LimitedHost.StartAsync(shared, ("Streams", "1"));
        using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var calls = Enumerable.Range(0, 2).Select(_ => host.Reader(_tenant).GetAsync("/__held/Stream", impatient.Token)).ToList();
        await AssertRefusedAsync(await await Task.WhenAny(calls), "concurrent_streams", 1, 10);
        await impatient.CancelAsync();
        host.Open(_tenant);
        await PassesAsync(host, "/__held/Stream");
    }

    [Fact]
    public async Task What_a_super_admin_asks_counts_for_the_tenant_that_it_asks_about()
    {
        await using var host = await LimitedHost.StartAsync(shared, ("Exports", "1"));
        var admin = host.As(null, role: "super_admin", permissions: "system:admin");
        using var file = await admin.GetAsync($"/__held/file?tenant_id={_tenant}", HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await AssertRefusedAsync(await host.Reader(_tenant).GetAsync("/__held/file", Cancellation), "concurrent_exports", 1, 10);
        var other = Guid.CreateVersion7();
        host.Open(other);
        Assert.Equal(HttpStatusCode.OK, (await admin.GetAsync($"/__held/file?tenant_id={other}", Cancellation)).StatusCode);
        host.Open(_tenant);
    }

    [Theory]
    [InlineData("Queries", "0")]
    [InlineData("QueuedQueries", "-1")]
    [InlineData("QueueSeconds", "0")]
    [InlineData("Exports", "0")]
    [InlineData("Streams", "0")]
    [InlineData("StatementSeconds", "0")]
    [InlineData("HeavyShare", "0")]
    public async Task A_wrong_setting_is_named(string setting, string value)
    {
        var failure = await Assert.ThrowsAnyAsync<Exception>(() => LimitedHost.StartAsync(shared, (setting, value)));
        Assert.Contains($"QueryLimits:{setting} is from", failure.ToString(), StringComparison.Ordinal);
    }

    private static async Task AssertRefusedAsync(HttpResponseMessage answer, string limit, int max, int retryAfter)
    {
        var details = (await Envelope.AssertAsync(answer, 429, "rate_limited")).GetProperty("details");
        Assert.Equal($$"""{"limit":"{{limit}}","max":{{max}},"used":{{max}},"window_seconds":0}""", details.GetRawText());
        Assert.Equal(TimeSpan.FromSeconds(retryAfter), answer.Headers.RetryAfter?.Delta);
    }

    // A place is given back just after the client has the last byte.
    private Task PassesAsync(LimitedHost host, string path) => Eventually.TrueAsync(async () =>
    {
        using var answer = await host.Reader(_tenant).GetAsync(path, Cancellation);
        return answer.StatusCode == HttpStatusCode.OK;
    });
}
