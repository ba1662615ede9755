using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.TelemetryQuery.Limits;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.TelemetryQuery.Tests.Aggregates;

/// <summary>What cannot be asked, and what would cost too much.</summary>
public sealed class AggregateRefusalTests(QueryHost host)
{
    private static readonly DateTimeOffset Day = new(2026, 2, 16, 0, 0, 0, TimeSpan.Zero);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly Plant _plant = new(host);

    [Theory]
    [InlineData("device_label=press", "slot", null)]
    [InlineData("device_label=press&slot=-1", "slot", null)]
    [InlineData("slot=7", "device_id", "Either device_id or device_label is needed")]
    [InlineData("device_label=press&slot=7&from=yesterday", "from", null)]
    [InlineData("device_label=press&slot=7&from=2026-02-16T00:00:00Z&to=2026-02-16T00:00:00Z", "from", "Must be before to")]
    [InlineData("device_label=press&slot=7&from=9000-01-01T00:00:00Z", "from", "Must be before to")]
    [InlineData("device_label=press&slot=7&from=1969-12-31T23:59:59Z", "from", "Must lie between 1970 and 2200")]
    [InlineData("device_label=press&slot=7&to=0001-01-01T00:00:00Z", "to", "Must lie between 1970 and 2200")]
    [InlineData("device_label=press&slot=7&to=9999-12-31T23:59:59Z", "to", "Must lie between 1970 and 2200")]
    [InlineData("device_label=press&slot=7&bucket=7m", "bucket", "Must be auto or one of 1m, 5m, 10m, 15m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d")]
    [InlineData("device_label=press&slot=7&bucket=2d", "bucket", "Must be auto or one of 1m, 5m, 10m, 15m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d")]
    [InlineData("device_label=press&slot=7&fn=", "fn", "Must be some of avg, min, max, sum, count, first, last, p95, separated by commas")]
    [InlineData("device_label=press&slot=7&fn=avg,median", "fn", "Must be some of avg, min, max, sum, count, first, last, p95, separated by commas")]
    [InlineData("device_label=press&slot=7&fill=zero", "fill", "Must be none, null, previous or linear")]
    [InlineData("device_label=press&slot=7&tz=Brasilia", "tz", "Must be an IANA time zone, such as America/Sao_Paulo")]
    [InlineData("device_label=press&slot=7&points=0", "points", null)]
    [InlineData("device_label=press&slot=7&points=5001", "points", null)]
    [InlineData("device_label=press&slot=7&from=2025-02-16T00:00:00Z&to=2026-02-16T00:00:00Z&bucket=1m", "bucket", "1m makes 525,600 points of this range, and 5,000 is the most; 2h would do")]
    [InlineData("device_label=press&slot=7&from=2000-01-01T00:00:00Z&to=2026-01-01T00:00:00Z&bucket=1d", "bucket", "1d makes 9,497 points of this range, and 5,000 is the most; auto would do")]
    public async Task What_is_wrong_with_a_question_is_named(string query, string field, string? message)
    {
        var envelope = await Envelope.AssertAsync(await _plant.Reader.GetAsync($"/telemetry/aggregate?{query}", Cancellation), 400, "bad_request");
        var detail = Assert.Single(envelope.GetProperty("details").EnumerateObject());
        Assert.Equal(field, detail.Name);
        if (message is not null)
        {
            Assert.Equal(message, detail.Value[0].GetString());
        }
    }

    [Fact]
    public async Task P95_of_a_million_numbers_is_computed_and_of_one_more_refused()
    {
        var device = await _plant.AddDeviceAsync();
        await host.StoreManyAsync(_plant.Tenant, device, 7, Day, TimeSpan.FromMilliseconds(10), 1_000_000);
        var question = $"/telemetry/aggregate?slot=7&device_id={device}&from=2026-02-16T00:00:00Z&to=2026-02-17T00:00:00Z&bucket=1d&fn=count,p95";
        var answer = await _plant.Reader.GetFromJsonAsync<JsonElement>(question, Cancellation);
        var point = Assert.Single(answer.GetProperty("points").EnumerateArray());
        Assert.Equal(1_000_000, point.GetProperty("count").GetInt64());
        Assert.Equal(94.05, point.GetProperty("p95").GetDouble(), 1e-9);

        await host.StoreLateAsync(_plant.Tenant, device, 7, Day.AddMicroseconds(1), 1);
        var envelope = await Envelope.AssertAsync(await _plant.Reader.GetAsync(question, Cancellation), 400, "bad_request");
        Assert.Equal(
            "p95 is computed from the readings themselves: 1,000,001 numbers in this range, and 1,000,000 is the most; take a shorter range",
            envelope.GetProperty("details").GetProperty("fn")[0].GetString());
    }

    [Fact]
    public async Task Of_a_hundred_thousand_numbers_it_waits_for_nobody_and_of_one_more_for_its_turn()
    {
        var device = await _plant.AddDeviceAsync();
        await host.StoreManyAsync(_plant.Tenant, device, 7, Day, TimeSpan.FromMilliseconds(10), 100_000);
        await using var one = await LimitedHost.StartAsync(host);
        var (turn, _) = await one.Services.GetRequiredService<HeavyReads>().EnterAggregateAsync(Guid.CreateVersion7(), Cancellation);
        var question = $"/telemetry/aggregate?slot=7&device_id={device}&from=2026-02-16T00:00:00Z&to=2026-02-17T00:00:00Z&bucket=1d&fn=count,p95";
        var reader = one.Reader(_plant.Tenant);
        Assert.Equal(HttpStatusCode.OK, (await reader.GetAsync(question, Cancellation)).StatusCode);

        await host.StoreLateAsync(_plant.Tenant, device, 7, Day.AddMicroseconds(1), 1);
        // It has none within the 20 s for which it waits.
        var refusal = await Envelope.AssertAsync(await reader.GetAsync(question, Cancellation), 429, "rate_limited");
        Assert.Equal("aggregates_from_readings", refusal.GetProperty("details").GetProperty("limit").GetString());
        turn!.Dispose();
        Assert.Equal(HttpStatusCode.OK, (await reader.GetAsync(question, Cancellation)).StatusCode);
    }

    [Fact]
    public async Task Short_buckets_of_more_than_five_million_numbers_are_refused_and_long_ones_are_not()
    {
        var device = await _plant.AddDeviceAsync();
        await host.StoreNumbersAsync(_plant.Tenant, device, 7, (Day, 1));
        await using (var batch = host.Ingestion.CreateBatch())
        {
            batch.Add("UPDATE rollups SET count = 5000001 WHERE device_id = $1", device);
            await batch.ExecuteNonQueryAsync(Cancellation);
        }

        var question = $"/telemetry/aggregate?slot=7&device_id={device}&from=2026-02-16T00:00:00Z&to=2026-02-17T00:00:00Z&bucket=";
        var envelope = await Envelope.AssertAsync(await _plant.Reader.GetAsync($"{question}10m", Cancellation), 400, "bad_request");
        Assert.Equal(
            "10m buckets are computed from the readings themselves: 5,000,001 numbers in this range, and 5,000,000 is the most; take a shorter range, or 15m or longer",
            envelope.GetProperty("details").GetProperty("bucket")[0].GetString());
        var answer = await _plant.Reader.GetFromJsonAsync<JsonElement>($"{question}15m", Cancellation);
        Assert.Equal(5_000_001, answer.GetProperty("points")[0].GetProperty("count").GetInt64());
    }
}
