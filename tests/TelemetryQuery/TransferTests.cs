using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>A device that changes hands brings no values along, and takes none away.</summary>
public sealed class TransferTests(QueryHost host)
{
    private static readonly DateTimeOffset Time = new(2026, 2, 15, 12, 30, 0, TimeSpan.Zero);

    private readonly Plant _old = new(host);
    private readonly Plant _new = new(host);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_new_tenant_sees_its_own_values_only_and_the_old_one_its_own_when_it_has_the_device_again()
    {
        var label = Plant.NewLabel();
        var device = await _old.AddDeviceAsync(label);
        await _old.StoreAsync(device, 7, Time, form: 1, 23.5);

        // Reset: nobody's.
        await ToldAsync(device, null, null, "unclaimed", 2);
        await NotFoundAsync(_old, $"device_id={device}");
        await NotFoundAsync(_new, $"device_id={device}");

        // Claimed by another.
        await ToldAsync(device, _new.Tenant, label, "claimed", 3);
        Assert.Equal("{}", await _new.Reader.GetStringAsync($"/telemetry/latest?slot=7&device_id={device}", Cancellation));
        Assert.Equal("{}", await _new.Reader.GetStringAsync($"/telemetry/latest?slot=7&device_label={label}", Cancellation));
        Assert.Equal("[]", (await _new.Reader.GetFromJsonAsync<JsonElement>($"/telemetry/slots?device_id={device}", Cancellation)).GetProperty("slots").GetRawText());
        await NotFoundAsync(_old, $"device_id={device}");
        await NotFoundAsync(_old, $"device_label={label}");

        // The same slot at the same time: two readings, each its own tenant's.
        await _new.StoreAsync(device, 7, Time, form: 1, -1);
        Assert.Equal(-1, await ValueAsync(_new, device));

        // Claimed back.
        await ToldAsync(device, _old.Tenant, label, "claimed", 5);
        Assert.Equal(23.5, await ValueAsync(_old, device));
        await NotFoundAsync(_new, $"device_id={device}");
    }

    // What ingestion does at each DeviceChanged.
    private async Task ToldAsync(Guid device, Guid? tenant, string? label, string status, long version)
    {
        await using var update = host.Ingestion.CreateCommand(
            "UPDATE devices SET tenant_id = $2, device_label = $3, status = $4, version = $5, applied_at = now() WHERE device_id = $1 AND version < $5");
        foreach (var value in new object?[] { device, tenant, label, status, version })
        {
            update.Parameters.Add(new() { Value = value ?? DBNull.Value });
        }

        Assert.Equal(1, await update.ExecuteNonQueryAsync(Cancellation));
    }

    private static async Task NotFoundAsync(Plant plant, string selector)
    {
        foreach (var route in new[] { $"/telemetry/latest?slot=7&{selector}", $"/telemetry/slots?{selector}" })
        {
            var envelope = await Envelope.AssertAsync(await plant.Reader.GetAsync(route, Cancellation), 404, "not_found");
            Assert.Equal("Device not found or inactive", envelope.GetProperty("message").GetString());
        }
    }

    private static async Task<double> ValueAsync(Plant plant, Guid device) =>
        (await plant.Reader.GetFromJsonAsync<JsonElement>($"/telemetry/latest?slot=7&device_id={device}", Cancellation))
            .GetProperty("value").GetProperty("value").GetDouble();
}
