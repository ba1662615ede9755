using System.Text;
using System.Text.Json;
using EasySmart.Contracts.Ingestion;
using EasySmart.Hosting;
using EasySmart.Ingestion.Usage;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>What commits leave to be told, and what becomes of it.</summary>
public sealed class UsageTests
{
    private const string Batch = "/telemetry/batch";
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_of_the_webhook_counts_once_whatever_it_brings_and_in_however_many_commits()
    {
        // A commit for each message.
        await using var host = await new ScriptedHost { Special = { ["Ingestion:BatchRows"] = "1" } }.StartAsync();
        await using var ledger = new Ledger(host.Database.For("ingestion_system"));
        var (device, other) = (host.Owner.Put(_tenant), host.Owner.Put(Guid.CreateVersion7()));
        var nobodys = device.Topic().Replace($"{device.DeviceId}", $"{Guid.CreateVersion7()}", StringComparison.Ordinal);
        await host.Wire.DeliverAsync(1, device.Topic(), "0");
        await Eventually.TrueAsync(() => Task.FromResult(host.Wire.Acknowledged.Count == 1));
        Assert.Equal(0, (await ledger.UsageAsync(_tenant)).WebhookCalls);

        Assert.Equal(200, await PostAsync(host, "/telemetry", Item(device.Topic())));
        Assert.Equal(400, await PostAsync(host, "/telemetry", Item(device.Topic(40_000))));
        // Not read, and so in nobody's commit.
        Assert.Equal(400, await PostAsync(host, "/telemetry", "{"));
        Assert.Equal(404, await PostAsync(host, "/telemetry", Item(nobodys)));
        Assert.Equal(2, (await ledger.UsageAsync(_tenant)).WebhookCalls);

        Assert.Equal(200, await PostAsync(host, Batch, $"[{Item(nobodys)},{string.Join(',', Enumerable.Range(0, 20).Select(slot => Item(device.Topic(slot))))},{Item(other.Topic())}]"));
        Assert.Equal(200, await PostAsync(host, Batch, $"[{Item(other.Topic())}]"));
        var (mine, others) = (await ledger.UsageAsync(_tenant), await ledger.UsageAsync(other.TenantId!.Value));
        Assert.Equal((3, 22, 22), (mine.WebhookCalls, mine.Messages, mine.Readings));
        Assert.Equal((1, 2), (others.WebhookCalls, others.Messages));
        await ledger.TellAsync();
        Assert.Equal(("", ""), (await ledger.DifferencesAsync(), await ledger.UntoldAsync()));
        Assert.Equal((3, 22, 22), (await ledger.UsageAsync(_tenant) is var told ? (told.WebhookCalls, told.Messages, told.Readings) : default));
    }

    [Fact]
    public async Task A_commit_that_fails_at_its_end_leaves_neither_readings_nor_usage_and_the_next_one_both_once()
    {
        await using var host = await new ScriptedHost { Special = { ["Ingestion:WebhookPatience"] = "00:00:00.3" } }.StartAsync();
        await using var ledger = new Ledger(host.Database.For("ingestion_system"));
        await using var owner = NpgsqlDataSource.Create(host.Database.ForSuperuser());
        var device = host.Owner.Put(_tenant);
        await FailingCommits.BeginAsync(owner, "true");
        Assert.Equal(503, await PostAsync(host, "/telemetry", Item(device.Topic(), "503")));
        await host.Wire.DeliverAsync(1, device.Topic(), """{"value":1}""");
        await Eventually.TrueAsync(async () => await PostAsync(host, "/telemetry", Item(device.Topic(40_000))) == 503);
        Assert.Equal((0L, 0L), (await host.ReadingsOfAsync(device), await ledger.ScalarAsync("SELECT count(*) FROM used")));
        Assert.Empty(host.Wire.Acknowledged);

        await FailingCommits.EndAsync(owner);
        await Eventually.TrueAsync(() => Task.FromResult(host.Wire.Acknowledged.Count == 1));
        await Eventually.TrueAsync(async () => await PostAsync(host, "/telemetry", Item(device.Topic(), "200")) == 200);
        Assert.Equal("1 200", await host.ScalarAsync<string>("SELECT string_agg(coalesce(value::text, payload::text), ' ' ORDER BY time) FROM readings"));
        var used = await ledger.UsageAsync(_tenant);
        Assert.Equal((2, 2, 1), (used.Messages, used.Readings, used.WebhookCalls));
    }

    [Fact]
    public async Task Several_that_tell_at_once_tell_each_commit_once_and_do_not_stand_in_each_others_way()
    {
        await using var database = await IngestionHost.MigratedDatabaseAsync();
        await using var ledger = new Ledger(database.For("ingestion_system"));
        var tenants = Enumerable.Range(0, 50).Select(_ => Guid.NewGuid()).ToArray();
        var random = new Random(7);
        var expected = tenants.ToDictionary(tenant => tenant, tenant => new UsageEntry(tenant, DateTimeOffset.UnixEpoch, 0, 0, 0));
        var rows = new List<string>();
        for (var i = 0; i < 5000; i++)
        {
            random.Shuffle(tenants);
            var entries = tenants.Take(random.Next(1, 6)).Select(tenant => new UsageEntry(
                tenant, DateTimeOffset.UnixEpoch, random.Next(9), random.Next(9), random.Next(99), random.Next(9), random.Next(99), random.Next(9), random.Next(9))).ToArray();
            Array.ForEach(entries, e => expected[e.TenantId] = Sum(expected[e.TenantId], e));
            rows.Add(JsonSerializer.Serialize(entries));
        }

        await ledger.ScalarAsync("INSERT INTO used (entries) SELECT unnest($1)", [rows.ToArray()]);
        var told = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            using var teller = new UsageTeller(ledger.Source, TimeProvider.System, NullLogger<UsageTeller>.Instance);
            var all = 0;
            for (int some; (some = await teller.TellAsync(Cancellation)) > 0; all += some)
            {
            }

            return all;
        })));
        Assert.Equal(5000, told.Sum());
        foreach (var tenant in tenants)
        {
            var (mine, account) = (expected[tenant], await ledger.ScalarAsync("SELECT readings || ' ' || bytes FROM tenant_stored WHERE tenant_id = $1", tenant));
            Assert.Equal(mine with { Minute = default }, await ledger.UsageAsync(tenant));
            Assert.Equal($"{mine.Readings - mine.ReadingsDeleted} {mine.Bytes - mine.BytesDeleted}", account);
        }

        static UsageEntry Sum(UsageEntry a, UsageEntry b) => new(
            a.TenantId, a.Minute, a.Messages + b.Messages, a.Readings + b.Readings, a.Bytes + b.Bytes, a.ReadingsDeleted + b.ReadingsDeleted,
            a.BytesDeleted + b.BytesDeleted, a.WebhookCalls + b.WebhookCalls, a.Exports + b.Exports);
    }

    private static string Item(string topic, string payload = "1") => $$"""{"topic":"{{topic}}","payload":{{payload}}}""";

    private static async Task<int> PostAsync(ScriptedHost host, string path, string body)
    {
        using var platform = host.As(null, permissions: "telemetry:write");
        using var answer = await platform.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"), Cancellation);
        return (int)answer.StatusCode;
    }
}
