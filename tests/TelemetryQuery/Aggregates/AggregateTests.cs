using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.TelemetryQuery.Tests.Aggregates;

/// <summary>What an answer looks like, and whose numbers it tells.</summary>
public sealed class AggregateTests(QueryHost host)
{
    private static readonly DateTimeOffset Day = new(2026, 2, 15, 0, 0, 0, TimeSpan.Zero);
    private const string OfDay = "from=2026-02-15T00:00:00Z&to=2026-02-16T00:00:00Z";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly Plant _plant = new(host);

    [Fact]
    public async Task The_answer_has_its_fields_by_id_and_by_label()
    {
        var label = Plant.NewLabel();
        var device = await _plant.AddDeviceAsync(label);
        await host.StoreNumbersAsync(_plant.Tenant, device, 7, (Day, 1), (Day.AddMinutes(20), 2), (Day.AddMinutes(40), 6), (Day.AddHours(5), -1.5));
        foreach (var selector in new[] { $"device_id={device}", $"device_label={label}" })
        {
            var text = await _plant.Reader.GetStringAsync($"/telemetry/aggregate?slot=7&{selector}&{OfDay}&bucket=1h", Cancellation);
            Assert.Equal(
                $$"""{"device_id":"{{device}}","slot":7,"from":"2026-02-15T00:00:00Z","to":"2026-02-16T00:00:00Z","bucket":"1h","tz":"UTC","points":["""
                + """{"time":"2026-02-15T00:00:00Z","avg":3,"min":1,"max":6,"count":3},{"time":"2026-02-15T05:00:00Z","avg":-1.5,"min":-1.5,"max":-1.5,"count":1}]}""",
                text);
        }
    }

    [Fact]
    public async Task All_functions_are_told_in_one_order_whatever_order_they_are_asked_in()
    {
        var device = await _plant.AddDeviceAsync();
        await host.StoreNumbersAsync(_plant.Tenant, device, 7, (Day, 4), (Day.AddMinutes(20), 2), (Day.AddMinutes(40), 6));
        var text = (await AskAsync(device, "fn=p95,last,first,count,sum,max,min,avg&bucket=1d")).GetProperty("points").GetRawText();
        Assert.Equal("""[{"time":"2026-02-15T00:00:00Z","avg":4,"min":2,"max":6,"sum":12,"count":3,"first":4,"last":6,"p95":5.8}]""", text);
    }

    [Fact]
    public async Task Without_a_range_it_is_the_last_24_hours_until_now()
    {
        var device = await _plant.AddDeviceAsync();
        var now = DateTimeOffset.UtcNow;
        await host.StoreNumbersAsync(_plant.Tenant, device, 7, (now.AddHours(-25), 1), (now.AddHours(-23), 2), (now.AddMinutes(-1), 4));
        var answer = await _plant.Reader.GetFromJsonAsync<JsonElement>($"/telemetry/aggregate?slot=7&device_id={device}&fn=sum&bucket=12h", Cancellation);
        Assert.Equal(6, answer.GetProperty("points").EnumerateArray().Sum(point => point.GetProperty("sum").GetDouble()));
        Assert.Equal(TimeSpan.FromHours(24), answer.GetProperty("to").GetDateTimeOffset() - answer.GetProperty("from").GetDateTimeOffset());
    }

    [Theory]
    [InlineData("none", "2:10 4:30")]
    [InlineData("null", "0:- 1:- 2:10 3:- 4:30 5:-")]
    [InlineData("previous", "0:- 1:- 2:10 3:10 4:30 5:30")]
    [InlineData("linear", "0:- 1:- 2:10 3:20 4:30 5:-")]
    public async Task Buckets_without_a_number_are_told_as_asked(string fill, string expected)
    {
        var device = await _plant.AddDeviceAsync();
        // What is before and after the range fills nothing.
        await host.StoreNumbersAsync(_plant.Tenant, device, 7, (Day.AddHours(-1), 5), (Day.AddHours(2), 10), (Day.AddHours(4), 30), (Day.AddHours(7), 90));
        var points = (await AskAsync(device, $"from=2026-02-15T00:30:00Z&to=2026-02-15T05:10:00Z&bucket=1h&fn=avg,sum,count&fill={fill}")).GetProperty("points");
        Assert.Equal(expected, string.Join(' ', points.EnumerateArray().Select(point =>
            $"{point.GetProperty("time").GetDateTimeOffset().Hour}:{(point.GetProperty("avg") is { ValueKind: JsonValueKind.Number } avg ? avg.GetDouble() : "-")}")));
        Assert.Equal(2, points.EnumerateArray().Sum(point => point.GetProperty("count").GetInt32()));
        Assert.Equal(40, points.EnumerateArray().Sum(point => point.GetProperty("sum").GetDouble()));
    }

    [Fact]
    public async Task A_series_without_numbers_has_no_points_or_empty_ones()
    {
        var device = await _plant.AddDeviceAsync();
        await _plant.StoreAsync(device, 7, Day.AddHours(1), "\"open\"");
        Assert.Equal("[]", (await AskAsync(device, "bucket=12h")).GetProperty("points").GetRawText());
        Assert.Equal(
            """[{"time":"2026-02-15T00:00:00Z","avg":null,"count":0},{"time":"2026-02-15T12:00:00Z","avg":null,"count":0}]""",
            (await AskAsync(device, "bucket=12h&fn=avg,count&fill=linear")).GetProperty("points").GetRawText());
    }

    [Fact]
    public async Task Whole_quarters_come_from_the_rollups_unless_they_are_due()
    {
        var device = await _plant.AddDeviceAsync();
        await host.StoreNumbersAsync(_plant.Tenant, device, 7, (Day, 1), (Day.AddMinutes(15), 2));
        await using (var batch = host.Ingestion.CreateBatch())
        {
            batch.Add("UPDATE rollups SET max = 1000 WHERE device_id = $1", device);
            await batch.ExecuteNonQueryAsync(Cancellation);
        }

        Assert.Equal([1000, 1000], await MaximaAsync("bucket=15m"));
        Assert.Equal([1, 2], await MaximaAsync("bucket=5m"));
        Assert.Equal([1], await MaximaAsync("bucket=15m&to=2026-02-15T00:14:00Z"));
        await host.StoreLateAsync(_plant.Tenant, device, 7, Day.AddMinutes(16), 3);
        Assert.Equal([1000, 3], await MaximaAsync("bucket=15m"));

        async Task<IEnumerable<double>> MaximaAsync(string query) => (await AskAsync(device, $"fn=max&{query}")).GetProperty("points")
            .EnumerateArray().Select(point => point.GetProperty("max").GetDouble());
    }

    [Fact]
    public async Task Another_tenants_device_is_not_found_and_its_numbers_are_nobody_elses()
    {
        var device = await _plant.AddDeviceAsync();
        await host.StoreNumbersAsync(_plant.Tenant, device, 7, (Day, 1));
        await host.StoreNumbersAsync(Guid.CreateVersion7(), device, 7, (Day, 1_000));
        Assert.Equal("""[{"time":"2026-02-15T00:00:00Z","max":1,"count":1}]""", (await AskAsync(device, "fn=max,count&bucket=1d")).GetProperty("points").GetRawText());
        using var answer = await host.Reader(Guid.CreateVersion7()).GetAsync($"/telemetry/aggregate?slot=7&device_id={device}&{OfDay}", Cancellation);
        var envelope = await Envelope.AssertAsync(answer, 404, "not_found");
        Assert.Equal("Device not found or inactive", envelope.GetProperty("message").GetString());
    }

    [Fact]
    public async Task The_permission_is_needed() => await Envelope.AssertAsync(
        await host.As(_plant.Tenant, permissions: "telemetry:write").GetAsync("/telemetry/aggregate?slot=1&device_label=press", Cancellation), 403, "forbidden");

    private async Task<JsonElement> AskAsync(Guid device, string query) => await _plant.Reader.GetFromJsonAsync<JsonElement>(
        $"/telemetry/aggregate?slot=7&device_id={device}&{Range(query)}{query}", Cancellation);

    private static string Range(string query) =>
        (query.Contains("from=", StringComparison.Ordinal) ? "" : "from=2026-02-15T00:00:00Z&") + (query.Contains("to=", StringComparison.Ordinal) ? "" : "to=2026-02-16T00:00:00Z&");
}
