using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>Who sees which device; and the slots, which ask in the same way.</summary>
public sealed class AccessTests(QueryHost host)
{
    private static readonly DateTimeOffset Time = new(2026, 2, 15, 0, 0, 0, TimeSpan.Zero);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly Plant _plant = new(host);

    [Fact]
    public async Task Slots_that_hold_a_value_are_listed_in_order()
    {
        var label = Plant.NewLabel();
        var device = await _plant.AddDeviceAsync(label);
        Assert.Equal($$"""{"device_id":"{{device}}","slots":[]}""", await _plant.Reader.GetStringAsync($"/telemetry/slots?device_id={device}", Cancellation));
        foreach (short slot in new[] { 100, 0, 7 })
        {
            await _plant.StoreAsync(device, slot, Time, form: 1, slot);
        }

        Assert.Equal(
            $$"""{"device_id":"{{device}}","slots":[0,7,100]}""", await _plant.Reader.GetStringAsync($"/telemetry/slots?device_label={label}", Cancellation));
    }

    [Theory]
    [InlineData("")]
    [InlineData("?device_id=x")]
    [InlineData("?device_id=0197a6f0-0000-7000-8000-000000000000&device_label=press")]
    public async Task Slots_need_exactly_one_device(string query)
    {
        var envelope = await Envelope.AssertAsync(await _plant.Reader.GetAsync($"/telemetry/slots{query}", Cancellation), 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty("device_id", out _));
    }

    [Fact]
    public async Task A_device_of_another_tenant_is_not_found()
    {
        var label = Plant.NewLabel();
        var device = await _plant.AddDeviceAsync(label);
        await _plant.StoreAsync(device, 7, Time, form: 1, 23.5);
        var stranger = host.Reader(Guid.CreateVersion7());
        foreach (var selector in new[] { $"device_id={device}", $"device_label={label}" })
        {
            await AssertNotFoundAsync(stranger, selector);
        }
    }

    [Theory]
    [InlineData("unclaimed")]
    [InlineData("suspended")]
    [InlineData("revoked")]
    public async Task A_device_that_may_not_publish_is_not_found(string status)
    {
        var device = await _plant.AddDeviceAsync(status: status);
        await _plant.StoreAsync(device, 7, Time, form: 1, 23.5);
        await AssertNotFoundAsync(_plant.Reader, $"device_id={device}");
    }

    [Theory]
    [InlineData("device_id=0197a6f0-0000-7000-8000-000000000000")]
    [InlineData("device_label=nobody-has-this-label")]
    [InlineData("device_label=press%00")]
    public Task A_device_that_nobody_knows_is_not_found(string selector) => AssertNotFoundAsync(_plant.Reader, selector);

    [Fact]
    public async Task A_device_that_changed_hands_brings_no_values_along()
    {
        var device = await _plant.AddDeviceAsync();
        await _plant.StoreAsync(device, 7, Time, form: 1, 23.5);
        var next = Guid.CreateVersion7();
        await using (var move = host.Ingestion.CreateCommand("UPDATE devices SET tenant_id = $1, version = version + 1 WHERE device_id = $2"))
        {
            move.Parameters.Add(new() { Value = next });
            move.Parameters.Add(new() { Value = device });
            await move.ExecuteNonQueryAsync(Cancellation);
        }

        Assert.Equal("{}", await host.Reader(next).GetStringAsync($"/telemetry/latest?slot=7&device_id={device}", Cancellation));
        await AssertNotFoundAsync(_plant.Reader, $"device_id={device}");
    }

    [Fact]
    public async Task A_super_admin_names_the_tenant_or_gets_400()
    {
        var device = await _plant.AddDeviceAsync();
        await _plant.StoreAsync(device, 7, Time, form: 1, 23.5);
        var admin = host.As(null, role: "super_admin", permissions: "system:admin");
        var found = await admin.GetFromJsonAsync<JsonElement>($"/telemetry/slots?device_id={device}&tenant_id={_plant.Tenant}", Cancellation);
        Assert.Equal([7], found.GetProperty("slots").EnumerateArray().Select(slot => slot.GetInt32()));
        foreach (var path in new[] { $"/telemetry/slots?device_id={device}", $"/telemetry/latest?slot=7&device_id={device}", "/telemetry/limits" })
        {
            var envelope = await Envelope.AssertAsync(await admin.GetAsync(path, Cancellation), 400, "bad_request");
            Assert.True(envelope.GetProperty("details").TryGetProperty("tenant_id", out _));
        }
    }

    [Theory]
    [InlineData("/telemetry/latest?slot=1&device_label=press")]
    [InlineData("/telemetry/slots?device_label=press")]
    [InlineData("/telemetry/limits")]
    public async Task The_permission_is_needed(string path)
    {
        await Envelope.AssertAsync(await host.As(_plant.Tenant, permissions: "telemetry:write").GetAsync(path, Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await host.Direct().GetAsync(path, Cancellation), 401, "unauthorized");
        await Envelope.AssertAsync(await host.Anonymous().GetAsync(path, Cancellation), 401, "unauthorized");
    }

    private static async Task AssertNotFoundAsync(HttpClient client, string selector)
    {
        foreach (var path in new[] { $"/telemetry/latest?slot=7&{selector}", $"/telemetry/slots?{selector}" })
        {
            var envelope = await Envelope.AssertAsync(await client.GetAsync(path, Cancellation), 404, "not_found");
            Assert.Equal("Device not found or inactive", envelope.GetProperty("message").GetString());
        }
    }
}
