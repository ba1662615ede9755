using EasySmart.Hosting;
using MQTTnet.Formatter;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>Devices of a tenant of its own that send readings side by side, in both versions of MQTT, with and without a time of their own.</summary>
internal sealed class Traffic : IAsyncDisposable
{
    // More than there are instances that share them, so that each has one.
    private const int Last = 12;
    private readonly Sink _sink;
    private readonly string? _port;

    private Traffic(Tenant tenant, IReadOnlyList<NumberedSource> sources, Sink sink, string? port) =>
        (Tenant, Sources, _sink, _port) = (tenant, sources, sink, port);

    public Tenant Tenant { get; }

    public IReadOnlyList<NumberedSource> Sources { get; }

    public int Acknowledged => Sources.Sum(source => source.Acknowledged);

    /// <summary>Starts to publish.</summary>
    /// <param name="sink">Where the readings end.</param>
    /// <param name="port">The broker's; the fleet's own when it is left out.</param>
    /// <param name="padding">Characters in each payload beside the number.</param>
    public static async Task<Traffic> StartAsync(Sink sink, string? port = null, int padding = 0)
    {
        var tenant = await (await Tenant.RegisterAsync()).WithoutMessageLimitAsync();
        var devices = new List<NumberedDevice>();
        foreach (var (version, withTime) in new[]
        {
            (MqttProtocolVersion.V311, true), (MqttProtocolVersion.V311, false), (MqttProtocolVersion.V500, true), (MqttProtocolVersion.V500, false),
        })
        {
            devices.Add(new NumberedDevice(await tenant.ProvisionAsync(), version, withTime, port, padding));
        }

        return new Traffic(tenant, devices, sink, port);
    }

    /// <summary>Starts to send by HTTP.</summary>
    public static async Task<Traffic> StartByHttpAsync(Sink sink)
    {
        var tenant = await (await Tenant.RegisterAsync()).WithoutMessageLimitAsync();
        var key = (await tenant.MakeKeyAsync(new { name = "webhook", scopes = new[] { "telemetry:write" } })).GetProperty("key").GetString()!;
        return new Traffic(
            tenant, [new NumberedCaller(await tenant.ProvisionAsync(), key, withTime: true), new NumberedCaller(await tenant.ProvisionAsync(), key, withTime: false)], sink, null);
    }

    /// <summary>Waits until every one has so many more acknowledged.</summary>
    public Task AcknowledgedMoreAsync(int more) =>
        Task.WhenAll(Sources.Select(source => source.AcknowledgedAsync(source.Acknowledged + more)));

    /// <summary>Waits until so many more readings are stored.</summary>
    public async Task StoredMoreAsync(int more)
    {
        var wanted = long.MaxValue;
        await Eventually.TrueAsync(
            async () =>
            {
                var rows = await _sink.RowsOfAsync(Tenant.Id);
                wanted = Math.Min(wanted, rows + more);
                return rows >= wanted
                    ? true
                    : throw new InvalidOperationException($"{rows} of {Acknowledged} at port {_port ?? Fleet.MqttPort} are stored, and not {wanted}");
            },
            seconds: 120);
    }

    /// <summary>Ends the publishing, and waits until all that the broker acknowledged is stored, and all that is stored is billed.</summary>
    private async Task<Stored> EndAsync()
    {
        await Task.WhenAll(Sources.Select(source => source.EndAsync()));
        return await Eventually.GetAsync(
            async () =>
            {
                var stored = await _sink.OfAsync(Tenant.Id);
                var missing = Missing(stored, Sources).Count();
                return missing == 0 && stored.Usage.Readings >= stored.Rows
                    ? stored
                    : throw new InvalidOperationException(
                        $"{missing} of {Acknowledged} are missing, {stored.Rows} are stored, {stored.Usage} is billed, rejected: {stored.Rejected}");
            },
            seconds: 180);
    }

    /// <summary>Ends the publishing. Then every acknowledged reading must be stored and billed once, and no other more than once.</summary>
    public async Task EndsExactAsync() => IsExact(await SettleAsync());

    /// <summary>Ends the publishing, and waits until nothing is under way any more.</summary>
    public async Task<Stored> SettleAsync()
    {
        await EndAsync();
        // What was under way when the last one was stored is through when those are that came later.
        await using var after = new NumberedDevice(await Tenant.ProvisionAsync(), MqttProtocolVersion.V500, withTime: false, _port);
        await after.AcknowledgedAsync(Last);
        await after.EndAsync();
        return await Eventually.GetAsync(async () =>
        {
            var stored = await _sink.OfAsync(Tenant.Id);
            return !Missing(stored, [after]).Any() && stored.Usage.Readings >= stored.Rows ? stored : null;
        });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var source in Sources)
        {
            await source.DisposeAsync();
        }
    }

    private static IEnumerable<int> Missing(Stored stored, IEnumerable<NumberedSource> sources) =>
        from source in sources
        from number in Enumerable.Range(0, source.Published)
        where source.IsAcknowledged(number) && !stored.Copies.ContainsKey((source.Device.Id, number))
        select number;

    private static void IsExact(Stored stored)
    {
        Assert.DoesNotContain(stored.Copies, copy => copy.Value != 1);
        Assert.Equal("", stored.Rejected);
        Assert.Equal(new Usage(stored.Rows, stored.Rows, stored.Bytes), stored.Usage);
    }
}
