using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>The newest value of a slot, as it was sent.</summary>
public sealed class LatestTests(QueryHost host)
{
    private static readonly DateTimeOffset Time = new(2026, 2, 15, 12, 30, 0, TimeSpan.Zero);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly Plant _plant = new(host);

    [Fact]
    public async Task The_answer_has_the_contracts_fields_by_id_and_by_label()
    {
        var label = Plant.NewLabel();
        var device = await _plant.AddDeviceAsync(label);
        await _plant.StoreAsync(device, 7, Time, form: 1, 23.5);
        foreach (var selector in new[] { $"device_id={device}", $"device_label={label}" })
        {
            var text = await _plant.Reader.GetStringAsync($"/telemetry/latest?slot=7&{selector}", Cancellation);
            Assert.Equal($$"""{"device_id":"{{device}}","slot":7,"value":{"value": 23.5},"timestamp":"2026-02-15T12:30:00Z"}""", text);
        }
    }

    [Fact]
    public async Task The_time_keeps_its_microseconds()
    {
        var device = await _plant.AddDeviceAsync();
        await _plant.StoreAsync(device, 0, Time.AddTicks(1234560), form: 1, 1);
        Assert.Equal("2026-02-15T12:30:00.123456Z", (await LatestAsync(device, 0)).GetProperty("timestamp").GetString());
    }

    [Fact]
    public async Task A_slot_without_a_value_is_an_empty_object()
    {
        var device = await _plant.AddDeviceAsync(status: "claimed");
        Assert.Equal("{}", await _plant.Reader.GetStringAsync($"/telemetry/latest?slot=32767&device_id={device}", Cancellation));
    }

    [Theory]
    [InlineData("""{"value": 12345678901234567890123456789.000000000000000000001}""")]
    [InlineData("""{"value": 9007199254740993, "unit": "Wh"}""")]
    [InlineData("""{"a": {"b": [1, [2.50, {"c": -0.000000000000000000000000000001}]], "": {}}}""")]
    [InlineData("""[1, "two", null, true, false, [], {}]""")]
    [InlineData("1e300")]
    [InlineData("-3.25e-7")]
    [InlineData("\"text with \\\"quotes\\\", \\\\ and \\u0001, ação 🧾 <&>\"")]
    [InlineData("\"\"")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("false")]
    [InlineData("0")]
    public async Task Any_payload_reads_back_JSON_equal(string payload)
    {
        var device = await _plant.AddDeviceAsync();
        await _plant.StoreAsync(device, 1, Time, payload);
        AssertJsonEqual(payload, await LatestAsync(device, 1));
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(-0.0)]
    [InlineData(1e300)]
    [InlineData(5e-324)]
    [InlineData(9007199254740992)]
    [InlineData(double.MaxValue)]
    public async Task A_plain_number_reads_back_JSON_equal_with_and_without_its_time(double number)
    {
        var device = await _plant.AddDeviceAsync();
        await _plant.StoreAsync(device, 1, Time, form: 1, number);
        await _plant.StoreAsync(device, 2, Time, form: 2, number);
        var sent = number.ToString("R", CultureInfo.InvariantCulture);
        AssertJsonEqual($$"""{"value": {{sent}}}""", await LatestAsync(device, 1));
        AssertJsonEqual($$"""{"value": {{sent}}, "ts": {{Time.ToUnixTimeMilliseconds()}}}""", await LatestAsync(device, 2));
    }

    [Theory]
    [InlineData("slot=1", "device_id")]
    [InlineData("slot=1&device_id=", "device_id")]
    [InlineData("slot=1&device_label=", "device_id")]
    [InlineData("slot=1&device_id=0197a6f0-0000-7000-8000-000000000000&device_label=press", "device_id")]
    [InlineData("slot=1&device_id=press", "device_id")]
    [InlineData("device_label=press", "slot")]
    [InlineData("slot=&device_label=press", "slot")]
    [InlineData("slot=-1&device_label=press", "slot")]
    [InlineData("slot=32768&device_label=press", "slot")]
    [InlineData("slot=one&device_label=press", "slot")]
    [InlineData("slot=1.5&device_label=press", "slot")]
    [InlineData("slot=1&slot=2&device_label=press", "slot")]
    public async Task What_is_wrong_with_a_question_is_named(string query, string field)
    {
        var envelope = await Envelope.AssertAsync(await _plant.Reader.GetAsync($"/telemetry/latest?{query}", Cancellation), 400, "bad_request");
        Assert.Equal([field], envelope.GetProperty("details").EnumerateObject().Select(property => property.Name));
    }

    private async Task<JsonElement> LatestAsync(Guid device, short slot) =>
        await _plant.Reader.GetFromJsonAsync<JsonElement>($"/telemetry/latest?slot={slot}&device_id={device}", Cancellation);

    private static void AssertJsonEqual(string sent, JsonElement answer)
    {
        var value = answer.GetProperty("value");
        Assert.True(JsonElement.DeepEquals(JsonSerializer.Deserialize<JsonElement>(sent), value), $"{sent} came back as {value.GetRawText()}");
    }
}
