using EasySmart.Hosting;
using MQTTnet.Formatter;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>Devices of a tenant of its own that publish side by side, in both versions of MQTT, with and without a time of their own.</summary>
internal sealed class Traffic : IAsyncDisposable
{
    private readonly Sink _sink;

    private readonly string? _port;

    private Traffic(Tenant tenant, IReadOnlyList<NumberedDevice> devices, Sink sink, string? port) =>
        (Tenant, Devices, _sink, _port) = (tenant, devices, sink, port);

    public Tenant Tenant { get; }

    public IReadOnlyList<NumberedDevice> Devices { get; }

    public int Acknowledged => Devices.Sum(device => device.Acknowledged);

    /// <summary>Starts to publish.</summary>
    /// <param name="sink">Where the readings end.</param>
    /// <param name="port">The broker's; the fleet's own when it is left out.</param>
    public static async Task<Traffic> StartAsync(Sink sink, string? port = null)
    {
        var tenant = await Tenant.RegisterAsync();
        var devices = new List<NumberedDevice>();
        foreach (var (version, withTime) in new[]
        {
            (MqttProtocolVersion.V311, true), (MqttProtocolVersion.V311, false), (MqttProtocolVersion.V500, true), (MqttProtocolVersion.V500, false),
        })
        {
            devices.Add(new NumberedDevice(await tenant.ProvisionAsync(), version, withTime, port));
        }

        return new Traffic(tenant, devices, sink, port);
    }

    /// <summary>Waits until every device has so many more acknowledged.</summary>
    public async Task AcknowledgedMoreAsync(int more)
    {
        var wanted = Devices.Select(device => device.Acknowledged + more).ToArray();
        await Eventually.TrueAsync(() => Task.FromResult(!Devices.Where((device, i) => device.Acknowledged < wanted[i]).Any()), seconds: 120);
    }

    /// <summary>Waits until so many more readings are stored.</summary>
    public async Task StoredMoreAsync(int more)
    {
        var wanted = long.MaxValue;
        await Eventually.TrueAsync(
            async () =>
            {
                var rows = await _sink.RowsOfAsync(Tenant.Id);
                wanted = Math.Min(wanted, rows + more);
                return rows >= wanted;
            },
            seconds: 120);
    }

    /// <summary>Ends the publishing, and waits until all that the broker acknowledged is stored, and all that is stored is billed.</summary>
    public async Task<Stored> EndAsync()
    {
        await Task.WhenAll(Devices.Select(device => device.EndAsync()));
        return await Eventually.GetAsync(
            async () =>
            {
                var stored = await _sink.OfAsync(Tenant.Id);
                var missing = Missing(stored).Count();
                return missing == 0 && stored.Usage.Readings >= stored.Rows
                    ? stored
                    : throw new InvalidOperationException(
                        $"{missing} of {Acknowledged} are missing, {stored.Rows} are stored, {stored.Usage} is billed, rejected: {stored.Rejected}");
            },
            seconds: 180);
    }

    /// <summary>Ends the publishing. Then every acknowledged reading must be stored and billed once, and no other more than once.</summary>
    public async Task EndsExactAsync()
    {
        await EndAsync();
        // What was under way when the last one was stored is through when one that came later is.
        await using var after = new NumberedDevice(await Tenant.ProvisionAsync(), MqttProtocolVersion.V500, withTime: false, _port);
        await after.EndAsync();
        IsExact(await Eventually.GetAsync(async () =>
        {
            var stored = await _sink.OfAsync(Tenant.Id);
            return stored.Copies.ContainsKey((after.Device.Id, 0)) && stored.Usage.Readings >= stored.Rows ? stored : null;
        }));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var device in Devices)
        {
            await device.DisposeAsync();
        }
    }

    public IEnumerable<(Guid Device, int Number)> Missing(Stored stored) =>
        from device in Devices
        from number in Enumerable.Range(0, device.Published)
        where device.IsAcknowledged(number) && !stored.Copies.ContainsKey((device.Device.Id, number))
        select (device.Device.Id, number);

    public static void IsExact(Stored stored)
    {
        Assert.DoesNotContain(stored.Copies, copy => copy.Value != 1);
        Assert.Equal("", stored.Rejected);
        Assert.Equal(new Usage(stored.Rows, stored.Rows, stored.Bytes), stored.Usage);
    }
}
