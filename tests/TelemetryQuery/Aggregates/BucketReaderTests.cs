using EasySmart.TelemetryQuery.Aggregates;
using EasySmart.TelemetryQuery.History;
using Npgsql;

namespace EasySmart.TelemetryQuery.Tests.Aggregates;

/// <summary>What changes between looking a series up and reading its buckets.</summary>
public sealed class BucketReaderTests(QueryHost host)
{
    private static readonly DateTimeOffset Day = new(2026, 2, 17, 0, 0, 0, TimeSpan.Zero);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly Plant _plant = new(host);

    [Theory]
    [InlineData(0, 0)] // None was due.
    [InlineData(60, 75)] // Another was.
    [InlineData(-60, 0)]
    public async Task A_quarter_that_has_become_due_meanwhile_is_read_from_the_readings(int dueFrom, int dueTo)
    {
        var device = await _plant.AddDeviceAsync();
        await host.StoreNumbersAsync(_plant.Tenant, device, 7, (Day, 1), (Day.AddHours(1), 2), (Day.AddHours(2), 3));
        await host.StoreLateAsync(_plant.Tenant, device, 7, Day.AddMinutes(121), 100);
        await using var source = NpgsqlDataSource.Create(host.Database.For("telemetry_query"));
        // As it was looked up before the late reading was stored.
        var series = new Series(device, 7, Day.UtcDateTime.AddDays(1), Day.UtcDateTime.AddMinutes(dueFrom), Day.UtcDateTime.AddMinutes(dueTo));
        var query = new AggregateQuery { Bucket = "1d", Fn = "sum,count" };
        Assert.Null(AggregatePlan.Refuse(new TimeRange(Day.UtcDateTime, Day.UtcDateTime.AddDays(1)), query, null, out var plan));
        var point = Assert.Single(await new BucketReader(source, _plant.Tenant, series).ReadAsync(plan, Cancellation));
        Assert.Equal((4L, 106.0), (point!.Count, point.Sum));
    }
}
