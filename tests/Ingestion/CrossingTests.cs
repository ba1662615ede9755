using EasySmart.Hosting;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Parsing;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.Ingestion.Tests;

/// <summary>80 and 100 % of a device's messages are told of, once for each crossing.</summary>
public sealed class CrossingTests(MinuteHost host) : IClassFixture<MinuteHost>
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Eighty_and_a_hundred_percent_are_told_once_and_again_after_a_minute_below()
    {
        await host.LimitAsync(_tenant, 20);
        var device = host.Owner.Put(_tenant);
        foreach (var (messages, told) in new[]
        {
            (15, ""), (16, "80"), (20, "80 100"), (25, "80 100"), (19, "80 100"), (18, "80 100"), (20, "80 100 100"), (14, "80 100 100"),
            (16, "80 100 100 80"), (15, "80 100 100 80"), (16, "80 100 100 80"), (0, "80 100 100 80"), (16, "80 100 100 80 80"),
        })
        {
            for (var i = 0; i < messages; i++)
            {
                await host.PostAsync(device, $"{i}", i < 20 ? 200 : 429);
            }

            Assert.Equal(told, await host.ToldAsync(device));
            host.NextMinute();
        }

        Assert.Equal(
            "quota.messages_warning warning, quota.messages_exceeded critical, quota.messages_exceeded critical, quota.messages_warning warning, quota.messages_warning warning",
            await host.AuditedAsync(device));
        Assert.Equal(
            $$"""{"max": 20, "used": 16, "limit": "messages_per_minute", "percent": 80}""",
            await host.ScalarAsync<string>(
                "SELECT (body -> 'Metadata')::text FROM outbox WHERE type LIKE '%AuditRecorded' AND body ->> 'DeviceId' = $1 ORDER BY occurred_at LIMIT 1", $"{device.DeviceId}"));
    }

    [Fact]
    public async Task What_a_minute_came_to_is_told_also_when_it_ends_before_its_last_messages_are_committed()
    {
        await host.LimitAsync(_tenant, 5);
        var device = host.Owner.Put(_tenant);
        var sent = new List<Task<string>>();
        await using (var held = await HeldCommits.BeginAsync(host))
        {
            sent.Add(host.PostAsync(device, "0", 200));
            await held.ReachedAsync();
            sent.AddRange(Enumerable.Range(1, 4).Select(i => host.PostAsync(device, $"{i}", 200)));
            await CountedAsync(device, 5);
            host.NextMinute();
            sent.Add(host.PostAsync(device, "5", 200));
            await CountedAsync(device, 1);
        }

        await Task.WhenAll(sent);
        Assert.Equal("100", await host.ToldAsync(device));
        host.NextMinute();
        for (var i = 0; i < 5; i++)
        {
            await host.PostAsync(device, $"{i}", 200);
        }

        Assert.Equal("100 80 100", await host.ToldAsync(device));
    }

    private Task CountedAsync(TestOwner.Device device, long messages) => Eventually.TrueAsync(() => Task.FromResult(
        host.Services.GetRequiredService<DeviceDirectory>().Find(device.DeviceId)!.Minute.At(ReadingTime.Micros(host.Clock.GetUtcNow()), null).Used == messages));
}
