using System.Globalization;
using System.Text.RegularExpressions;
using EasySmart.Fleet.Tests.Fuzzing;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>While the database is away what waits, waits at the broker: ingestion holds no more than it was allowed.</summary>
[Collection("Servers are killed here")]
public sealed class MemoryTests(ITestOutputHelper output)
{
    // Five thousand such readings are 250 MB, of which ingestion takes 32.
    private const int Padding = 50_000;
    private const int Waiting = 1250;
    private const long MostHeap = 128L << 20;
    private const long MostResident = 768L << 20;

    [Fact]
    public async Task Ingestion_stays_small_while_250_MB_wait_for_the_database()
    {
        await using var sink = new Sink();
        await using var traffic = await Traffic.StartAsync(sink, padding: Padding);
        await traffic.StoredMoreAsync(200);
        var ingestion = await Fleet.ProcessOfAsync("ingestion");
        ForgetPeak(ingestion);
        long heap;
        await using (await Fleet.StoppedAsync("telemetry"))
        {
            await traffic.AcknowledgedMoreAsync(Waiting);
            heap = (await ServiceMemory.OfAsync("ingestion")).Heap;
        }

        await traffic.EndsExactAsync();
        var resident = Peak(ingestion);
        output.WriteLine($"{traffic.Acknowledged} acknowledged, {heap >> 20} MiB on the heap, at most {resident >> 20} MiB resident");
        Assert.InRange(heap, 1, MostHeap);
        Assert.InRange(resident, 1, MostResident);
    }

    private static void ForgetPeak(int process) => File.WriteAllText($"/proc/{process}/clear_refs", "5");

    /// <summary>The most that a process was given since, in bytes; it must be the same process still.</summary>
    private static long Peak(int process) => 1024 * long.Parse(
        Regex.Match(File.ReadAllText($"/proc/{process}/status"), @"^VmHWM:\s+(\d+) kB", RegexOptions.Multiline).Groups[1].Value, CultureInfo.InvariantCulture);
}
