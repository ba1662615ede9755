using System.Net.Http.Json;
using System.Text.Json;

namespace EasySmart.TelemetryQuery.Tests.Aggregates;

/// <summary>Which buckets an answer has.</summary>
public sealed class AggregateBucketTests(QueryHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly Plant _plant = new(host);

    [Theory]
    [InlineData("2026-02-15T00:00:00Z", "2026-02-15T08:20:00Z", "", "1m", 500)]
    [InlineData("2026-02-15T00:00:00Z", "2026-02-15T08:20:01Z", "", "5m", 101)]
    [InlineData("2026-02-15T00:00:00Z", "2026-02-16T00:00:00Z", "points=24", "1h", 24)]
    [InlineData("2026-02-15T00:00:00Z", "2026-02-16T00:00:00Z", "points=23", "2h", 12)]
    [InlineData("2026-02-15T00:59:59Z", "2026-02-15T02:00:01Z", "points=3", "1h", 3)]
    [InlineData("2026-02-15T00:59:59Z", "2026-02-15T02:00:01Z", "points=2", "2h", 2)]
    [InlineData("2025-02-15T00:00:00Z", "2026-02-15T00:00:00Z", "", "1d", 365)]
    [InlineData("2025-02-15T00:00:00Z", "2026-02-15T00:00:00Z", "points=5000", "2h", 4380)]
    [InlineData("2025-02-15T00:00:00Z", "2026-02-15T00:00:00Z", "points=364", "2d", 183)]
    [InlineData("2025-02-15T00:00:00Z", "2026-02-15T00:00:00Z", "points=122", "3d", 122)]
    [InlineData("2025-02-15T00:00:00Z", "2026-02-15T00:00:00Z", "points=1", "365d", 1)]
    [InlineData("1970-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "points=1&tz=Pacific/Apia", "84007d", 1)]
    [InlineData("2026-02-15T00:00:00Z", "2026-02-16T00:00:00Z", "bucket=8h&points=1", "8h", 3)]
    public async Task The_budget_picks_the_bucket(string from, string to, string query, string bucket, int count)
    {
        var answer = await AskAsync($"from={from}&to={to}&{query}");
        Assert.Equal(bucket, answer.GetProperty("bucket").GetString());
        Assert.Equal(count, answer.GetProperty("points").GetArrayLength());
    }

    [Theory]
    [InlineData("tz=America/Sao_Paulo&from=2018-02-17T12:00:00Z&to=2018-02-18T12:00:00Z&bucket=1d", "2018-02-17T02:00 2018-02-18T03:00")] // 25 hours.
    [InlineData("tz=America/Sao_Paulo&from=2018-11-03T12:00:00Z&to=2018-11-05T12:00:00Z&bucket=1d", "2018-11-03T03:00 2018-11-04T03:00 2018-11-05T02:00")] // 23.
    [InlineData("tz=Europe/Berlin&from=2025-10-25T22:00:00Z&to=2025-10-26T23:00:00Z&bucket=6h", "2025-10-25T22:00 2025-10-26T04:00 2025-10-26T10:00 2025-10-26T16:00 2025-10-26T22:00")]
    [InlineData("tz=Australia/Lord_Howe&from=2025-10-04T13:30:00Z&to=2025-10-05T13:00:00Z&bucket=12h", "2025-10-04T13:30 2025-10-05T01:30")] // 23 and a half.
    [InlineData("tz=Asia/Kathmandu&from=2026-03-29T00:00:00Z&to=2026-03-30T00:00:00Z&bucket=1d", "2026-03-28T18:15 2026-03-29T18:15")]
    [InlineData("tz=Pacific/Apia&from=2011-12-29T12:00:00Z&to=2011-12-30T12:00:00Z&bucket=1d", "2011-12-29T10:00 2011-12-30T10:00")] // No 30 December.
    [InlineData("tz=America/St_Johns&from=2010-11-07T02:00:00Z&to=2010-11-07T04:00:00Z&bucket=1d", "2010-11-06T02:30 2010-11-07T02:30")] // The 6th is told again from 02:31 to 03:30.
    [InlineData("tz=America/St_Johns&from=2010-11-07T03:00:00Z&to=2010-11-07T04:00:00Z&bucket=1d", "2010-11-07T02:30")]
    public async Task Days_are_those_of_the_time_zone(string query, string starts)
    {
        var times = (await AskAsync(query)).GetProperty("points").EnumerateArray().Select(point => point.GetProperty("time").GetString());
        Assert.Equal(starts.Split(' ').Select(start => $"{start}:00Z"), times);
    }

    [Theory]
    [InlineData("2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z", 25)]
    [InlineData("2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z", 23)]
    public async Task A_day_has_as_many_hours_as_the_clocks_show(string from, string to, int hours)
    {
        var answer = await AskAsync($"tz=America/Sao_Paulo&bucket=1h&from={from}&to={to}");
        Assert.Equal(hours, answer.GetProperty("points").GetArrayLength());
    }

    private async Task<JsonElement> AskAsync(string query) => await _plant.Reader.GetFromJsonAsync<JsonElement>(
        $"/telemetry/aggregate?slot=7&device_id={await _plant.AddDeviceAsync()}&fill=null&{query}", Cancellation);
}
