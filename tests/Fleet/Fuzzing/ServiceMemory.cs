using System.Diagnostics.Tracing;
using System.Globalization;
using System.Text.RegularExpressions;
using EasySmart.Hosting;
using Microsoft.Diagnostics.NETCore.Client;

namespace EasySmart.Fleet.Tests.Fuzzing;

/// <summary>
/// What a service holds on to: its heap after a full collection that we ask its runtime for, as dotnet-gcdump does. What a process has
/// from the system says less: it follows when the collector last ran, what the compiler has made meanwhile, and who else needs memory here.
/// </summary>
internal sealed record ServiceMemory(long Heap, long Proportional)
{
    private const long CollectHeap = 0x800000;

    public static async Task<ServiceMemory> OfAsync(string service)
    {
        var process = await Fleet.ProcessOfAsync(service);
        // Twice: what the first found dead may have a finalizer, and goes with the second.
        await CollectAsync(service, process);
        var metrics = await CollectAsync(service, process);
        var rollup = await File.ReadAllTextAsync($"/proc/{process}/smaps_rollup", TestContext.Current.CancellationToken);
        return new ServiceMemory(
            Sum(metrics, "dotnet_gc_last_collection_heap_size_bytes") - Sum(metrics, "dotnet_gc_last_collection_heap_fragmentation_size_bytes"),
            1024 * long.Parse(Regex.Match(rollup, @"^Pss:\s+(\d+) kB", RegexOptions.Multiline).Groups[1].Value, CultureInfo.InvariantCulture));
    }

    private static async Task<string> CollectAsync(string service, int process)
    {
        using var http = new HttpClient { BaseAddress = Fleet.Service(service) };
        var before = FullCollections(await MetricsAsync(http));
        var client = new DiagnosticsClient(process);
        using var session = await client.StartEventPipeSessionAsync(
            [new EventPipeProvider("Microsoft-Windows-DotNETRuntime", EventLevel.Informational, CollectHeap)], requestRundown: false, token: TestContext.Current.CancellationToken);
        var events = session.EventStream.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
        var after = await Eventually.GetAsync(async () => await MetricsAsync(http) is var metrics && FullCollections(metrics) > before ? metrics : null);
        await session.StopAsync(TestContext.Current.CancellationToken);
        await events;
        return after;
    }

    private static Task<string> MetricsAsync(HttpClient service) => service.GetStringAsync("/metrics", TestContext.Current.CancellationToken);

    private static long FullCollections(string metrics) => Sum(metrics, "dotnet_gc_collections_total", "gen2");

    private static long Sum(string metrics, string name, string label = "") => metrics.Split('\n')
        .Where(line => line.StartsWith(name + "{", StringComparison.Ordinal) && line.Contains(label, StringComparison.Ordinal))
        .Sum(line => (long)double.Parse(line[(line.LastIndexOf('}') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture));
}
