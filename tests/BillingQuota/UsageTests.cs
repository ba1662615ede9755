using EasySmart.Contracts.Ingestion;
using EasySmart.Hosting;

namespace EasySmart.BillingQuota.Tests;

/// <summary>Usage adds up, whatever the broker repeats.</summary>
public sealed class UsageTests(BillingHost host)
{
    private static readonly DateTimeOffset Minute = new(2026, 2, 15, 12, 30, 0, TimeSpan.Zero);

    [Fact]
    public async Task Each_batch_counts_once_however_often_it_is_delivered()
    {
        var (mine, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var first = Batch(new UsageEntry(mine, Minute, 10, 9, 900), new UsageEntry(mine, Minute.AddMinutes(1), 1, 1, 11), new UsageEntry(other, Minute, 5, 5, 50));
        var second = Batch(new UsageEntry(mine, Minute, 100, 90, 9000));
        await host.Others.PublishAsync(first, times: 3);
        await CountedAsync(other, "12:30 5 5 50");
        await host.Others.PublishAsync(first);
        await host.Others.PublishAsync(second, times: 2);
        var last = Batch(new UsageEntry(other, Minute.AddMinutes(2), 1, 1, 1));
        await host.Others.PublishAsync(last);

        await CountedAsync(mine, "12:30 110 99 9900, 12:31 1 1 11");
        await CountedAsync(other, "12:30 5 5 50, 12:32 1 1 1");
    }

    [Fact]
    public async Task Batches_at_once_over_the_same_tenants_all_count()
    {
        var tenants = Enumerable.Range(0, 4).Select(_ => Guid.CreateVersion7()).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => host.Others.PublishAsync(
            // In another order each time, as batches come: locks taken in that order would deadlock.
            Batch([.. tenants.Skip(i % 4).Concat(tenants.Take(i % 4)).Select(tenant => new UsageEntry(tenant, Minute, 1, 2, 3))]))));
        foreach (var tenant in tenants)
        {
            await CountedAsync(tenant, "12:30 50 100 150");
        }
    }

    [Fact]
    public async Task Entries_of_one_minute_in_one_batch_add_up()
    {
        var tenant = Guid.CreateVersion7();
        await host.Others.PublishAsync(Batch(new UsageEntry(tenant, Minute, 1, 2, 3), new UsageEntry(tenant, Minute, 10, 20, 30)));
        await CountedAsync(tenant, "12:30 11 22 33");
    }

    private static UsageRecorded Batch(params UsageEntry[] entries) => new() { OccurredAt = DateTimeOffset.UtcNow, Entries = entries };

    private Task CountedAsync(Guid tenant, string expected) => Eventually.TrueAsync(async () =>
    {
        var counted = await host.ReadAsync<string>(
            "billing_system",
            """
            SELECT string_agg(concat_ws(' ', to_char(minute AT TIME ZONE 'UTC', 'HH24:MI'), messages, readings, bytes), ', ' ORDER BY minute)
            FROM usage_minutes WHERE tenant_id = $1
            """,
            tenant);
        // The ledger's hours are told of the same.
        var hours = await host.ReadAsync<bool>(
            "billing_system",
            """
            SELECT (SELECT (sum(messages), sum(readings), sum(bytes)) FROM usage_minutes WHERE tenant_id = $1)
                = (SELECT (sum(amount) FILTER (WHERE meter = 'messages'), sum(amount) FILTER (WHERE meter = 'readings'), sum(amount) FILTER (WHERE meter = 'bytes_stored'))
                   FROM usage_hours WHERE tenant_id = $1)
            """,
            tenant);
        Assert.True(counted is null || hours);
        return expected == counted ? true : throw new InvalidOperationException($"Counted so far: {counted}");
    });
}
