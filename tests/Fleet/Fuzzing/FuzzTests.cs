using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Fuzzing;

/// <summary>Alone, because it measures what services hold, and others would have them hold more.</summary>
[CollectionDefinition("Memory is measured here", DisableParallelization = true)]
public sealed class MemoryIsMeasured;

/// <summary>
/// Whatever is sent, by a known caller, to whatever takes JSON: no 500, no hang, every error in the envelope, and nothing kept of it.
/// <c>EASYSMART_FUZZ_SEED</c> repeats a run, <c>EASYSMART_FUZZ_INPUTS</c> makes it longer or shorter.
/// </summary>
[Collection("Memory is measured here")]
public sealed class FuzzTests(ITestOutputHelper output)
{
    private static readonly string[] Services = ["gateway", "identity", "device-provisioning", "ingestion", "telemetry-query", "billing-quota", "notifier"];
    private readonly int _seed = Setting("EASYSMART_FUZZ_SEED") ?? Random.Shared.Next(1_000_000_000);
    private readonly int _inputs = Setting("EASYSMART_FUZZ_INPUTS") ?? 10_000;

    [Fact]
    public async Task Ten_thousand_inputs_and_ten_thousand_more_fell_nothing_and_leave_nothing_behind()
    {
        output.WriteLine($"EASYSMART_FUZZ_SEED={_seed}");
        var routes = await ApiRoute.AllAsync();
        Assert.Contains(routes, route => route.Body is not null);
        output.WriteLine(string.Join(", ", routes.Select(route => route.ToString())));
        using var client = new FuzzClient();

        await RoundAsync(client, routes, _seed);
        var first = await MeasureAsync();
        await RoundAsync(client, routes, _seed + _inputs);

        foreach (var service in Services)
        {
            await AssertKeepsNothingAsync(service, first[service]);
        }
    }

    private async Task AssertKeepsNothingAsync(string service, ServiceMemory before)
    {
        var after = before;
        try
        {
            // What is still on its way between the services lives a moment longer. Outside the heap nothing settles when it is asked to (the
            // compiler goes on, stacks grow), so that only a leak of some size shows there.
            await Eventually.TrueAsync(async () => (after = await ServiceMemory.OfAsync(service)).Heap <= 1.1 * before.Heap
                && after.Proportional <= 1.3 * before.Proportional);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"{service} keeps {after} after the second round, {before} after the first; EASYSMART_FUZZ_SEED={_seed}");
        }

        output.WriteLine($"{service}: heap {before.Heap:N0} → {after.Heap:N0} ({(double)after.Heap / before.Heap:F3}), "
            + $"PSS {before.Proportional >> 20} → {after.Proportional >> 20} MiB");
    }

    private async Task RoundAsync(FuzzClient client, ApiRoute[] routes, int from)
    {
        var clock = Stopwatch.StartNew();
        var wrong = new ConcurrentQueue<string>();
        var statuses = new ConcurrentDictionary<int, int>();
        // In parts, because an input may sign somebody out.
        foreach (var part in Enumerable.Range(from, _inputs).Chunk(500))
        {
            await client.SignInAsync();
            await Parallel.ForEachAsync(part, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = TestContext.Current.CancellationToken }, async (number, _) =>
            {
                var input = FuzzInput.Make(number, routes);
                var (status, problem) = await client.SendAsync(input);
                statuses.AddOrUpdate(status, 1, (_, count) => count + 1);
                if (problem is not null)
                {
                    wrong.Enqueue($"{number}: {input}\n    {problem}");
                }
            });
        }

        output.WriteLine($"{_inputs / clock.Elapsed.TotalSeconds:F0} inputs/s; "
            + string.Join(", ", statuses.OrderBy(s => s.Key).Select(s => $"{s.Key}: {s.Value}")));
        Assert.True(wrong.IsEmpty, $"EASYSMART_FUZZ_SEED={_seed}, {wrong.Count} wrong:\n{string.Join("\n", wrong.Take(20))}");
    }

    private static async Task<Dictionary<string, ServiceMemory>> MeasureAsync()
    {
        var memory = new Dictionary<string, ServiceMemory>();
        foreach (var service in Services)
        {
            memory[service] = await ServiceMemory.OfAsync(service);
        }

        return memory;
    }

    private static int? Setting(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
