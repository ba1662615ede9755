using System.Diagnostics.Metrics;
using System.Text;
using EasySmart.Hosting;
using EasySmart.Ingestion.Batches;
using EasySmart.Ingestion.Webhook;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.Ingestion.Tests;

/// <summary>What the webhook answers, and when, while something is away.</summary>
public sealed class WebhookFaultTests
{
    private const string Patience = "Ingestion:WebhookPatience";
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task While_the_database_is_away_the_answer_is_503_and_nothing_of_it_is_stored_later()
    {
        await using var host = await new ScriptedHost { Special = { [Patience] = "00:00:00.3" } }.StartAsync();
        var device = host.Owner.Put(_tenant);
        // The first commit of a process may take longer than that.
        await Eventually.TrueAsync(async () => await PostAsync(host, device, 0) == 200);
        await host.Database.SetReachableAsync(false);
        for (var i = 1; i <= 60; i += 20)
        {
            Assert.All(await Task.WhenAll(Enumerable.Range(i, 20).Select(value => PostAsync(host, device, value))), status => Assert.Equal(503, status));
        }

        await host.Database.SetReachableAsync(true);
        await Eventually.TrueAsync(async () => await PostAsync(host, device, 999) == 200);
        Assert.Equal("0 999", await StoredAsync(host, device));
    }

    [Fact]
    public async Task The_answer_waits_for_the_commit_that_holds_it_and_requests_share_the_next_one()
    {
        await using var host = await new ScriptedHost { Special = { [Patience] = "00:00:20" } }.StartAsync();
        using var commits = new Commits(host);
        var device = host.Owner.Put(_tenant);
        Assert.Equal(200, await PostAsync(host, device, 0));
        await using var stop = await HeldCommits.BeginAsync(host);
        var held = PostAsync(host, device, 1);
        await stop.ReachedAsync();
        var others = Enumerable.Range(2, 50).Select(value => PostAsync(host, device, value)).ToArray();
        var lanes = host.Services.GetRequiredService<Lanes>();
        await Eventually.TrueAsync(() => Task.FromResult(lanes.Live.Count == 50));
        await host.Wire.DeliverAsync(1, device.Topic(), "{\"value\":52}");
        await Eventually.TrueAsync(() => Task.FromResult(lanes.Live.Count == 51));
        Assert.False(held.IsCompleted || others.Any(answer => answer.IsCompleted) || !host.Wire.Acknowledged.IsEmpty);
        await stop.DisposeAsync();
        Assert.All(await Task.WhenAll([held, .. others]), status => Assert.Equal(200, status));
        await Eventually.TrueAsync(() => Task.FromResult(host.Wire.Acknowledged.Count == 1));
        Assert.Equal(53, await host.ReadingsOfAsync(device));
        Assert.Equal("1 1 51", string.Join(' ', commits.Rows));
    }

    [Fact]
    public async Task A_commit_that_lasts_longer_than_the_patience_is_waited_for()
    {
        await using var host = await new ScriptedHost { Special = { [Patience] = "00:00:00.1" } }.StartAsync();
        var device = host.Owner.Put(_tenant);
        await Eventually.TrueAsync(async () => await PostAsync(host, device, 0) == 200);
        await using var stop = await HeldCommits.BeginAsync(host);
        var held = PostAsync(host, device, 1);
        await stop.ReachedAsync();
        // This one is in no commit's hand.
        Assert.Equal(503, await PostAsync(host, device, 2));
        Assert.False(held.IsCompleted);
        await stop.DisposeAsync();
        Assert.Equal(200, await held);
        await Eventually.TrueAsync(async () => await PostAsync(host, device, 3) == 200);
        Assert.Equal("0 1 3", await StoredAsync(host, device));
    }

    [Fact]
    public async Task Memory_is_bounded_what_has_no_room_is_503_at_once()
    {
        await using var host = await new ScriptedHost { Special = { [Patience] = "00:00:25", ["Ingestion:HeldBytes"] = "131072" } }.StartAsync();
        var device = host.Owner.Put(_tenant);
        Assert.Equal(200, await PostAsync(host, device, 0));
        await using var stop = await HeldCommits.BeginAsync(host);
        var large = $$"""{"topic":"{{device.Topic(1)}}","payload":"{{new string('x', 60_000)}}"}""";
        var answers = Enumerable.Range(0, 10).Select(_ => PostAsync(host, large)).ToArray();
        await Eventually.TrueAsync(() => Task.FromResult(answers.Count(answer => answer.IsCompleted) == 8));
        Assert.All(answers.Where(answer => answer.IsCompleted), answer => Assert.Equal(503, answer.Result));
        await stop.DisposeAsync();
        Assert.Equal(2, (await Task.WhenAll(answers)).Count(status => status == 200));
        Assert.Equal(3, await host.ReadingsOfAsync(device));
    }

    [Fact]
    public async Task While_the_owner_is_away_an_unknown_device_is_503_and_known_ones_go_on()
    {
        await using var host = await new ScriptedHost { Special = { [Patience] = "00:00:00.5" } }.StartAsync();
        var known = host.Owner.Put(_tenant);
        await Eventually.TrueAsync(async () => await PostAsync(host, known, 0) == 200);
        host.Owner.Down = true;
        var unknown = host.Owner.Put(_tenant);
        Assert.Equal((503, 200), (await PostAsync(host, unknown, 1), await PostAsync(host, known, 1)));
        host.Owner.Down = false;
        await Eventually.TrueAsync(async () => await PostAsync(host, unknown, 2) == 200);
        Assert.Equal(("2", ""), (await StoredAsync(host, unknown), await host.RejectionsOfAsync(unknown)));
    }

    [Fact]
    public async Task Whoever_goes_away_takes_his_reading_back()
    {
        await using var host = await new ScriptedHost { Special = { [Patience] = "00:00:25" } }.StartAsync();
        var device = host.Owner.Put(_tenant);
        Assert.Equal(200, await PostAsync(host, device, 0));
        await using var stop = await HeldCommits.BeginAsync(host);
        var held = PostAsync(host, device, 1);
        await stop.ReachedAsync();
        using var gone = new CancellationTokenSource();
        var (reception, delivery) = (host.Services.GetRequiredService<Reception>(), new Delivery());
        var platform = new Caller(CallerKind.ApiKey, Guid.CreateVersion7(), null, null, null, [Permissions.TelemetryWrite], "x", null, null);
        Assert.NotNull(reception.Open(new ReadRequest(device.Topic(), "{\"value\":2}"u8.ToArray(), null, null), platform, delivery));
        var storing = reception.StoreAsync(delivery, 10, gone.Token);
        await gone.CancelAsync();
        Assert.False(await storing);
        await stop.DisposeAsync();
        Assert.Equal(200, await held);
        Assert.Equal(200, await PostAsync(host, device, 3));
        Assert.Equal("0 1 3", await StoredAsync(host, device));
    }

    [Fact]
    public async Task What_is_in_hand_when_the_service_stops_is_committed_and_answered()
    {
        await using var before = await new ScriptedHost().StartAsync();
        var host = await new ScriptedHost { Inherited = before.Database, Special = { [Patience] = "00:00:25" } }.StartAsync();
        var device = host.Owner.Put(_tenant);
        Assert.Equal(200, await PostAsync(host, device, 0));
        var stop = await HeldCommits.BeginAsync(host);
        var held = PostAsync(host, device, 1);
        await stop.ReachedAsync();
        var queued = PostAsync(host, device, 2);
        await Eventually.TrueAsync(() => Task.FromResult(host.Services.GetRequiredService<Lanes>().Live.Count == 1));
        var stopping = host.DisposeAsync();
        await stop.DisposeAsync();
        Assert.Equal((200, 200), (await held, await queued));
        await stopping;
        Assert.Equal("0 1 2", await StoredAsync(before, device));
    }

    [Fact]
    public async Task A_service_that_stops_during_an_outage_answers_503()
    {
        await using var before = await new ScriptedHost().StartAsync();
        var host = await new ScriptedHost { Inherited = before.Database, Special = { [Patience] = "00:00:25" } }.StartAsync();
        var device = host.Owner.Put(_tenant);
        Assert.Equal(200, await PostAsync(host, device, 0));
        await host.Database.SetReachableAsync(false);
        var answer = PostAsync(host, device, 1);
        await Eventually.TrueAsync(() => Task.FromResult(host.Services.GetRequiredService<BatchWriter>().IsWaiting));
        await host.DisposeAsync();
        Assert.Equal(503, await answer);
        await before.Database.SetReachableAsync(true);
        Assert.Equal("0", await StoredAsync(before, device));
    }

    [Fact]
    public async Task A_session_that_does_not_subscribe_ends_what_it_had_subscribed_to_and_the_webhook_works()
    {
        await using var host = await new ScriptedHost { Special = { ["Mqtt:Subscribe"] = "false" } }.StartAsync(sessionPresent: true);
        var device = host.Owner.Put(_tenant);
        Assert.Null(host.Wire.Subscribed);
        Assert.Equal(["tenants/+/devices/+/telemetry/#", "$share/ingestion/tenants/+/devices/+/telemetry/#"], host.Wire.Unsubscribed);
        await Eventually.TrueAsync(async () => (int)(await host.Direct().GetAsync("/health/ready", Cancellation)).StatusCode == 200);
        Assert.Equal(200, await PostAsync(host, device, 1));
        // What the session had got before is not lost.
        await host.Wire.DeliverAsync(1, device.Topic(), "{\"value\":2}");
        await Eventually.TrueAsync(() => Task.FromResult(host.Wire.Acknowledged.Count == 1));
        Assert.Equal("1 2", await StoredAsync(host, device));
    }

    private static Task<int> PostAsync(ScriptedHost host, TestOwner.Device device, int value) =>
        PostAsync(host, $$"""{"topic":"{{device.Topic()}}","payload":{"value":{{value}}} }""");

    private static async Task<int> PostAsync(ScriptedHost host, string body)
    {
        using var known = host.As(null, permissions: "telemetry:write");
        // Not that one: the host would cancel what it sends when it ends.
        using var client = new HttpClient { BaseAddress = host.Address };
        known.DefaultRequestHeaders.ToList().ForEach(header => client.DefaultRequestHeaders.Add(header.Key, header.Value));
        using var answer = await client.PostAsync("/telemetry", new StringContent(body, Encoding.UTF8, "application/json"), Cancellation);
        if ((int)answer.StatusCode == 503)
        {
            await Envelope.AssertAsync(answer, 503, "service_unavailable");
            Assert.True(answer.Headers.RetryAfter?.Delta > TimeSpan.Zero);
        }

        return (int)answer.StatusCode;
    }

    private static Task<string?> StoredAsync(ScriptedHost host, TestOwner.Device device) => host.ScalarAsync<string>(
        "SELECT string_agg(value::text, ' ' ORDER BY value) FROM readings WHERE device_id = $1", device.DeviceId);

    /// <summary>How many messages each commit of this host had.</summary>
    private sealed class Commits : IDisposable
    {
        private readonly MeterListener _listener = new();

        public Commits(ScriptedHost host)
        {
            var meters = host.Services.GetRequiredService<IMeterFactory>();
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "telemetry.batch.rows" && ReferenceEquals(instrument.Meter.Scope, meters))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<int>((_, rows, _, _) => Rows.Add(rows));
            _listener.Start();
        }

        public List<int> Rows { get; } = [];

        public void Dispose() => _listener.Dispose();
    }
}
