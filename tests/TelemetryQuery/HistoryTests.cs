using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>A slot's readings, page by page.</summary>
public sealed class HistoryTests(QueryHost host)
{
    private static readonly DateTimeOffset Start = StoredSeries.Start;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly StoredSeries _series = new(host);

    [Theory]
    [InlineData("desc")]
    [InlineData("asc")]
    public async Task Pages_hold_everything_once_and_in_order_whatever_is_written_between_them(string order)
    {
        await _series.WithDeviceAsync();
        // Over several days, with a gap of months: parts of the range that hold nothing, and parts that hold more than a page.
        await _series.AddAsync(7, Start, 4000);
        await _series.AddAsync(7, Start.AddDays(100), 25);
        await _series.AddAsync(8, Start, 10);
        var written = 0;
        var all = await _series.HistoryAsync(
            $"slot=7&limit=301&order={order}&{StoredSeries.Range(Start.AddDays(-400), Start.AddDays(150))}",
            // Beside every reading that there was, before the place and after it.
            () => _series.AddOneAsync(7, Start.AddSeconds(30).AddMinutes(250 * written++), "\"late\""));

        Assert.True(written > 10);
        var numbers = all.Where(r => r.GetProperty("value").ValueKind == JsonValueKind.Object).Select(r => r.GetProperty("value").GetProperty("value").GetInt32());
        var expected = Enumerable.Range(0, 4000).Concat(Enumerable.Range(0, 25));
        Assert.Equal(order == "asc" ? expected : expected.Reverse(), numbers);
        var times = all.Select(r => r.GetProperty("timestamp").GetDateTimeOffset()).ToList();
        Assert.Equal(order == "asc" ? times.Order() : times.OrderDescending(), times);
        Assert.Equal(times.Count, times.Distinct().Count());
        Assert.All(all, r => Assert.Equal(7, r.GetProperty("slot").GetInt32()));
    }

    [Fact]
    public async Task Without_limit_a_page_holds_the_newest_thousand_and_the_last_page_has_no_Link()
    {
        await _series.WithDeviceAsync();
        await _series.AddAsync(0, Start, 1000);
        var range = StoredSeries.Range(Start, Start.AddDays(1));
        using (var whole = await _series.Reader.GetAsync($"/telemetry/history?device_id={_series.Device}&slot=0&{range}", Cancellation))
        {
            Assert.False(whole.Headers.Contains("Link"));
        }

        await _series.AddAsync(0, Start.AddMinutes(1000), 1);
        using var cut = await _series.Reader.GetAsync($"/telemetry/history?device_id={_series.Device}&slot=0&{range}", Cancellation);
        Assert.True(cut.Headers.Contains("Link"));
        var page = JsonSerializer.Deserialize<JsonElement[]>(await cut.Content.ReadAsStringAsync(Cancellation))!;
        Assert.Equal(1000, page.Length);
        Assert.Equal(Start.AddMinutes(1000), page[0].GetProperty("timestamp").GetDateTimeOffset());
    }

    [Fact]
    public async Task A_range_holds_its_beginning_and_not_its_end_to_the_microsecond()
    {
        await _series.WithDeviceAsync();
        foreach (var microsecond in new[] { 0, 1, 2, 3 })
        {
            await _series.AddOneAsync(0, Start.AddMicroseconds(microsecond), $"{microsecond}");
        }

        var all = await _series.HistoryAsync("slot=0&order=asc&limit=1&from=2026-02-15T12:00:00.000001Z&to=2026-02-15T09:00:00.000003-03:00");
        Assert.Equal([1, 2], all.Select(r => r.GetProperty("value").GetInt32()));
        Assert.Equal("2026-02-15T12:00:00.000001Z", all[0].GetProperty("timestamp").GetString());
    }

    [Fact]
    public async Task Without_from_and_to_it_is_the_last_24_hours()
    {
        await _series.WithDeviceAsync();
        var now = DateTimeOffset.UtcNow;
        await _series.AddOneAsync(0, now.AddHours(-25), "\"too old\"");
        await _series.AddOneAsync(0, now.AddHours(-23), "\"old\"");
        await _series.AddOneAsync(0, now.AddSeconds(-1), "\"new\"");
        await _series.AddOneAsync(0, now.AddHours(1), "\"to come\"");
        Assert.Equal(["new", "old"], (await _series.HistoryAsync("slot=0")).Select(r => r.GetProperty("value").GetString()));
    }

    [Theory]
    [InlineData("""{"value": 12345678901234567890123456789.000000000000000000001}""")]
    [InlineData("""[1, "two", null, true, false, [], {}]""")]
    [InlineData("\"text with \\\"quotes\\\", \\\\ and \\u0001, ação 🧾 <&>\"")]
    [InlineData("null")]
    [InlineData("0")]
    public async Task Any_payload_reads_back_JSON_equal(string payload)
    {
        await _series.WithDeviceAsync();
        await _series.AddOneAsync(0, Start, payload, value: 1);
        AssertJsonEqual(payload, (await OnlyAsync(_series.Reader, _series.Device)).GetProperty("value"));
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(-0.0)]
    [InlineData(1e300)]
    [InlineData(5e-324)]
    [InlineData(9007199254740992)]
    [InlineData(double.MaxValue)]
    public async Task A_plain_number_reads_back_as_from_latest_with_and_without_its_time(double number)
    {
        var plant = new Plant(host);
        foreach (short form in new[] { 1, 2 })
        {
            var device = await plant.AddDeviceAsync();
            await plant.StoreAsync(device, 0, Start.AddMilliseconds(1), form, number);
            var latest = JsonSerializer.Deserialize<JsonElement>(await plant.Reader.GetStringAsync($"/telemetry/latest?slot=0&device_id={device}", Cancellation));
            AssertJsonEqual(latest.GetProperty("value").GetRawText(), (await OnlyAsync(plant.Reader, device)).GetProperty("value"));
        }
    }

    [Fact]
    public async Task A_page_of_large_payloads_is_cut_and_goes_on()
    {
        await _series.WithDeviceAsync();
        await _series.AddTextAsync(0, Start, 200, 60_000);
        var pages = 1;
        var all = await _series.HistoryAsync($"slot=0&limit=10000&order=asc&{StoredSeries.Range(Start, Start.AddDays(1))}", () => Task.FromResult(pages++));
        Assert.True(pages > 2);
        Assert.Equal(Enumerable.Range(0, 200), all.Select(r => r.GetProperty("value").GetProperty("value").GetInt32()));
    }

    [Fact]
    public async Task Another_tenants_device_is_not_found_and_a_device_without_readings_has_none()
    {
        await _series.WithDeviceAsync();
        await _series.AddAsync(0, Start, 1);
        foreach (var route in new[] { "history?slot=0", "export?format=csv" })
        {
            await Envelope.AssertAsync(
                await host.Reader(Guid.CreateVersion7()).GetAsync($"/telemetry/{route}&device_id={_series.Device}", Cancellation), 404, "not_found");
        }

        Assert.Empty(await _series.HistoryAsync($"slot=1&{StoredSeries.Range(Start, Start.AddDays(1))}"));
    }

    [Theory]
    [InlineData("slot=0", "device_id")]
    [InlineData("device_label=press", "slot")]
    [InlineData("slot=-1&device_label=press", "slot")]
    [InlineData("slot=0&device_label=press&limit=0", "limit")]
    [InlineData("slot=0&device_label=press&limit=10001", "limit")]
    [InlineData("slot=0&device_label=press&limit=all", "limit")]
    [InlineData("slot=0&device_label=press&order=up", "order")]
    [InlineData("slot=0&device_label=press&from=yesterday", "from")]
    [InlineData("slot=0&device_label=press&from=2026-02-15T00:00:00Z&to=2026-02-15T00:00:00Z", "from")]
    [InlineData("slot=0&device_label=press&from=2100-01-01T00:00:00Z", "from")]
    [InlineData("slot=0&device_label=press&to=0001-01-01T00:00:00Z", "to")]
    [InlineData("slot=0&device_label=press&to=9999-12-31T23:59:59.9999999Z", "to")]
    [InlineData("slot=0&device_label=press&cursor=", "cursor")]
    [InlineData("slot=0&device_label=press&cursor=garbage", "cursor")]
    // "x/0"; "9999999999999999999/0"; of slot 1.
    [InlineData("slot=0&device_label=press&cursor=eC8w", "cursor")]
    [InlineData("slot=0&device_label=press&cursor=OTk5OTk5OTk5OTk5OTk5OTk5OS8w", "cursor")]
    [InlineData("slot=0&device_label=press&cursor=NjM5MDI4MjI0MTAwMDAwMDAwLzE", "cursor")]
    public async Task What_is_wrong_with_a_question_is_named(string query, string field)
    {
        var envelope = await Envelope.AssertAsync(await _series.Reader.GetAsync($"/telemetry/history?{query}", Cancellation), 400, "bad_request");
        Assert.Equal([field], envelope.GetProperty("details").EnumerateObject().Select(property => property.Name));
    }

    private static async Task<JsonElement> OnlyAsync(HttpClient reader, Guid device) => JsonSerializer.Deserialize<JsonElement[]>(await reader.GetStringAsync(
        $"/telemetry/history?slot=0&device_id={device}&{StoredSeries.Range(Start, Start.AddDays(1))}", Cancellation))!.Single();

    private static void AssertJsonEqual(string sent, JsonElement value) =>
        Assert.True(JsonElement.DeepEquals(JsonSerializer.Deserialize<JsonElement>(sent), value), $"{sent} came back as {value.GetRawText()}");
}
