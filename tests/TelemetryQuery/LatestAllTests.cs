using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>The newest values of all slots, of one device or of many.</summary>
public sealed class LatestAllTests(QueryHost host)
{
    private static readonly DateTimeOffset Time = new(2026, 2, 15, 12, 30, 0, TimeSpan.Zero);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly Plant _plant = new(host);

    [Fact]
    public async Task All_slots_of_a_device_are_told_by_id_and_by_label()
    {
        var label = Plant.NewLabel();
        var device = await _plant.AddDeviceAsync(label);
        await _plant.StoreAsync(device, 100, Time, "null");
        await _plant.StoreAsync(device, 7, Time.AddSeconds(1), form: 1, 23.5);
        foreach (var selector in new[] { $"device_id={device}", $"device_label={label}" })
        {
            Assert.Equal(
                $$"""{"device_id":"{{device}}","values":[{"slot":7,"value":{"value": 23.5},"timestamp":"2026-02-15T12:30:01Z"},{"slot":100,"value":null,"timestamp":"2026-02-15T12:30:00Z"}]}""",
                await _plant.Reader.GetStringAsync($"/telemetry/latest/all?{selector}", Cancellation));
        }
    }

    [Fact]
    public async Task A_device_without_values_has_none() => Assert.Equal(
        "[]", (await AskAsync($"device_id={await _plant.AddDeviceAsync(status: "claimed")}")).GetProperty("values").GetRawText());

    [Fact]
    public async Task Several_are_told_in_the_order_asked_for_and_those_that_are_not_there_by_name()
    {
        var (first, second) = (await _plant.AddDeviceAsync(), await _plant.AddDeviceAsync());
        await _plant.StoreAsync(first, 7, Time, form: 1, 1);
        await _plant.StoreAsync(second, 7, Time, form: 1, 2);
        var stranger = new Plant(host);
        var theirs = await stranger.AddDeviceAsync();
        await stranger.StoreAsync(theirs, 7, Time, form: 1, 3);
        // A tenant that the device belonged to before has values of it still.
        await stranger.StoreAsync(first, 8, Time, form: 1, 4);
        var suspended = await _plant.AddDeviceAsync(status: "suspended");
        var empty = await _plant.AddDeviceAsync();
        var unknown = Guid.CreateVersion7();
        foreach (var query in new[]
        {
            $"device_ids={second},{theirs},{first},{unknown},{suspended},{empty},{second}",
            $"device_ids={second}&device_ids={theirs},{first}&device_ids={unknown}&device_ids={suspended},{empty}",
        })
        {
            var answer = await _plant.Reader.GetStringAsync($"/telemetry/latest/all?{query}", Cancellation);
            Assert.Equal(
                $$"""{"devices":[{{Values(second, 2)}},{{Values(first, 1)}},{"device_id":"{{empty}}","values":[]}],"not_found":["{{theirs}}","{{unknown}}","{{suspended}}"]}""",
                answer);
        }

        static string Values(Guid device, int value) =>
            $$$"""{"device_id":"{{{device}}}","values":[{"slot":7,"value":{"value": {{{value}}}},"timestamp":"2026-02-15T12:30:00Z"}]}""";
    }

    [Fact]
    public async Task Two_hundred_may_be_asked_for_and_not_one_more()
    {
        var ids = Enumerable.Range(0, 199).Select(_ => Guid.CreateVersion7()).Append(await _plant.AddDeviceAsync()).ToList();
        var answer = await AskAsync($"device_ids={string.Join(',', ids)},{ids[0]}");
        Assert.Equal(1, answer.GetProperty("devices").GetArrayLength());
        Assert.Equal(199, answer.GetProperty("not_found").GetArrayLength());
        await RefusedAsync($"device_ids={string.Join(',', ids)},{Guid.CreateVersion7()}", "device_ids", "Must be at most 200 devices; these are 201");
    }

    [Theory]
    [InlineData("", "device_id", "One of device_id, device_label and device_ids is needed")]
    [InlineData("device_ids=", "device_ids", "Must be device ids, separated by commas")]
    [InlineData("device_ids=press-1", "device_ids", "Must be device ids, separated by commas")]
    [InlineData("device_ids=0197a6f0-0000-7000-8000-000000000000,", "device_ids", "Must be device ids, separated by commas")]
    [InlineData("device_ids=0197a6f0-0000-7000-8000-000000000000&device_label=press", "device_ids", "Either device_ids or one device, not both")]
    [InlineData("device_ids=0197a6f0-0000-7000-8000-000000000000&device_id=0197a6f0-0000-7000-8000-000000000000", "device_ids", "Either device_ids or one device, not both")]
    public async Task What_is_wrong_with_a_question_is_named(string query, string field, string message) => await RefusedAsync(query, field, message);

    [Fact]
    public async Task A_device_of_another_tenant_is_not_found()
    {
        var device = await new Plant(host).AddDeviceAsync();
        var envelope = await Envelope.AssertAsync(await _plant.Reader.GetAsync($"/telemetry/latest/all?device_id={device}", Cancellation), 404, "not_found");
        Assert.Equal("Device not found or inactive", envelope.GetProperty("message").GetString());
    }

    [Fact]
    public async Task The_permission_is_needed() => await Envelope.AssertAsync(
        await host.As(_plant.Tenant, permissions: "telemetry:write").GetAsync("/telemetry/latest/all?device_label=press", Cancellation), 403, "forbidden");

    private async Task<JsonElement> AskAsync(string query) =>
        await _plant.Reader.GetFromJsonAsync<JsonElement>($"/telemetry/latest/all?{query}", Cancellation);

    private async Task RefusedAsync(string query, string field, string message)
    {
        var envelope = await Envelope.AssertAsync(await _plant.Reader.GetAsync($"/telemetry/latest/all?{query}", Cancellation), 400, "bad_request");
        var detail = Assert.Single(envelope.GetProperty("details").EnumerateObject());
        Assert.Equal((field, message), (detail.Name, detail.Value[0].GetString()));
    }
}
