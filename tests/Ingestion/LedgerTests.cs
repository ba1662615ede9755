using System.Text;
using EasySmart.Hosting;
using EasySmart.Ingestion.Retention;
using EasySmart.Ingestion.Usage;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>
/// At every moment what was told, with what is yet to be told, is what the table of readings holds: while random batches, deletions and
/// tellers run side by side, commits fail at their end and connections die.
/// </summary>
public sealed class LedgerTests
{
    private const int Senders = 3;
    private const int Rounds = 25;
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;
    private readonly Guid[] _tenants = [Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7()];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task The_ledger_is_the_table_at_every_moment(int seed)
    {
        await using var host = await new ScriptedHost().StartAsync();
        await using var ledger = new Ledger(host.Database.For("ingestion_system"));
        await using var owner = NpgsqlDataSource.Create(host.Database.ForSuperuser());
        var devices = _tenants.SelectMany(tenant => new[] { host.Owner.Put(tenant), host.Owner.Put(tenant) }).ToArray();
        // Two of the three keep their readings for a while.
        await ledger.ScalarAsync(
            "INSERT INTO tenant_quotas SELECT unnest($1::uuid[]), 'pro', 'annual', 0, 0, 0, false, 60, 1", new[] { _tenants[0], _tenants[1] });
        await FailingCommits.BeginAsync(owner, "random() < 0.1");

        using var over = new CancellationTokenSource();
        var others = new[] { DeleteAsync(seed), TellAsync(), TellAsync(), KillAsync() };
        var looks = LookAsync();
        await Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => SendAsync(new Random(10 * seed + sender))));
        await over.CancelAsync();
        await Task.WhenAll([.. others, looks]);
        await FailingCommits.EndAsync(owner);

        await Eventually.TrueAsync(async () =>
        {
            await ledger.TellAsync();
            return (await ledger.DifferencesAsync(), await ledger.UntoldAsync()) is ("", "");
        });
        // There was something to hold.
        var used = await Task.WhenAll(_tenants.Select(ledger.UsageAsync));
        Assert.All(used, one => Assert.True(one is { Readings: > 0, WebhookCalls: > 0 }, $"{one}"));
        Assert.All(used.Take(2), one => Assert.True(one.ReadingsDeleted > 0, $"{one}"));
        Assert.Equal(0, used[2].ReadingsDeleted);
        Assert.True(await looks > 10);

        async Task SendAsync(Random random)
        {
            using var platform = host.As(null, permissions: "telemetry:write");
            for (var round = 0; round < Rounds; round++)
            {
                var items = Enumerable.Range(0, random.Next(1, 200)).Select(_ =>
                {
                    // Few enough times and values that repeats and conflicts are among them.
                    var at = Now.AddDays(-random.Next(59)).AddMilliseconds(-random.Next(20)).ToUnixTimeMilliseconds();
                    var topic = devices[random.Next(devices.Length)].Topic(random.Next(20) == 0 ? 40_000 : random.Next(3));
                    var payload = random.Next(4) == 0 ? $"[{One()},{One()}]" : One();
                    return $$"""{"topic":"{{topic}}","payload":{{payload}}}""";

                    string One() => random.Next(5) == 0 ? "\"no time of its own\"" : $$"""{"value":{{random.Next(2)}},"ts":{{at}}}""";
                });
                using var body = new StringContent($"[{string.Join(',', items)}]", Encoding.UTF8, "application/json");
                using var answer = await platform.PostAsync("/telemetry/batch", body, Cancellation);
                Assert.Contains((int)answer.StatusCode, new[] { 200, 503 });
            }
        }

        Task DeleteAsync(int random) => UntilOverAsync(async () =>
        {
            // Every time it is another day: what is stored is old for one, and comes again after it was deleted.
            var clock = new MovedClock(Now.AddDays(new Random(random++).Next(60)));
            using var retention = new ReadingRetention(ledger.Source, clock, NullLogger<ReadingRetention>.Instance);
            await retention.DeleteOldAsync(Cancellation);
        });

        Task TellAsync() => UntilOverAsync(async () =>
        {
            using var teller = new UsageTeller(ledger.Source, TimeProvider.System, NullLogger<UsageTeller>.Instance);
            await teller.TellAsync(Cancellation);
        });

        Task KillAsync() => UntilOverAsync(async () =>
        {
            await using var kill = owner.CreateCommand(
                $"""
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = '{host.Database.Name}' AND usename = 'ingestion_system' AND random() < 0.05
                """);
            await kill.ExecuteNonQueryAsync(Cancellation);
            await Task.Delay(TimeSpan.FromMilliseconds(200), Cancellation);
        });

        async Task<int> LookAsync()
        {
            await using var own = new Ledger(host.Database.ForSuperuser());
            var seen = 0;
            for (; !over.IsCancellationRequested; seen++)
            {
                var differences = await own.DifferencesAsync();
                Assert.True(differences.Length == 0, differences);
            }

            return seen;
        }

        async Task UntilOverAsync(Func<Task> act)
        {
            while (!over.IsCancellationRequested)
            {
                try
                {
                    await act();
                }
                catch (NpgsqlException)
                {
                    // Killed, or refused at its end.
                }

                await Task.Yield();
            }
        }
    }
}
