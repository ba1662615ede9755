using System.Globalization;
using System.Text;

namespace EasySmart.Load;

/// <summary>What a run of telemetry came to, for people.</summary>
internal static class TelemetryReport
{
    private static readonly string[] Programs = ["ingestion", "telemetry", "broker", CpuMeter.Load, CpuMeter.RestOfFleet, CpuMeter.Others];

    public static string Of(Options options, TelemetryRun run)
    {
        var text = new StringBuilder();
        Line($"{options.Devices} devices with {options.Slots} slots, QoS {options.QoS}, payload `{Payloads.NameOf(options.Payload)}`, {options.InFlight} of each in flight,");
        Line($"{(options.Rate == 0 ? "as fast as it goes" : $"{options.Rate:N0} messages a second")}, {options.Seconds} s a round, {options.Rounds} rounds of each kind in turns. Figures are medians.");
        Line($"\n## Throughput\n\n```");
        text.Append(Chart.Bars(
            [("a  broker alone", run.BrokerPerSecond), ("b  whole path", run.WholePathPerSecond), ("c  COPY alone", run.CopyPerSecond)], "readings/s"));
        Line($"```\n\n| | |\n|---|---|");
        Line($"| b/a | **{run.WholePathToBroker}** |");
        Line($"| b/c | **{run.WholePathToCopy}** |");
        Line($"| b/a by CPU: what the programs on the way compute for a reading, a/b | {run.WholePathToBrokerByCpu} |");
        Line($"| readings of all b rounds: stored, missing, doubled | {Of("b").Sum(r => r.Readings - r.Missing):N0}, {Of("b").Sum(r => r.Missing)}, {Of("b").Sum(r => r.Doubled)} |");
        Line($"\n## CPU seconds per million readings\n\n| program | a | b | c |\n|---|---|---|---|");
        foreach (var program in Programs)
        {
            Line($"| {program}{(program == "telemetry" ? " (PostgreSQL, all processes)" : "")} | {Cpu("a", program)} | {Cpu("b", program)} | {Cpu("c", program)} |");
        }

        Line($"\n## Latency\n\nFrom the publish until `latest` shows the value, at {run.Latency.BackgroundPerSecond:N0} readings a second, half of b; {run.Latency.Samples:N0} samples.\n\n```");
        text.Append(Chart.Bars([("p50", run.Latency.P50Ms), ("p95", run.Latency.P95Ms), ("p99", run.Latency.P99Ms), ("most", run.Latency.MostMs)], "ms"));
        Line($"```\n\n## Webhook\n");
        Webhook();
        Line($"\n## Over time\n\nReadings received (a) or committed (b) in each second, and the memory of ingestion.\n\n```");
        foreach (var round in run.Rounds.Where(r => r.Timeline.Count > 0))
        {
            Line($"{round.Kind}  {Chart.Line([.. round.Timeline.Select(n => (double)n)], "readings/s")}");
        }

        Line($"\nMemory  {Chart.Line([.. Of("b").SelectMany(r => r.ResidentMib)], "MiB")}");
        Line($"```\n\n## Rounds\n\n| round | kind | readings | seconds | per second | {string.Join(" | ", Programs)} |\n|---|---|---|---|---|{string.Concat(Programs.Select(_ => "---|"))}");
        foreach (var (i, round) in run.Rounds.Index())
        {
            Line($"| {i / 3 + 1} | {round.Kind} | {round.Readings:N0} | {round.Seconds:0.0} | {round.PerSecond:N0} | {string.Join(" | ", Programs.Select(p => round.CpuSecondsPerMillion.GetValueOrDefault(p)))} |");
        }

        return text.ToString();

        void Webhook()
        {
            if (run.Webhook.Rounds.Count == 0)
            {
                Line($"Ingestion did not answer `POST /api/v1/telemetry`.");
                return;
            }

            Line($"`POST /api/v1/telemetry` through a gateway, {options.Concurrency} requests at a time; in turns with one behind which nothing is done.\n\n```");
            text.Append(Chart.Bars([.. new[] { WebhookRun.Nothing, WebhookRun.Ingestion }.Select(kind => (kind, run.Webhook.PerSecond(kind)))], "requests/s"));
            Line($"```\n\nRatio **{run.Webhook.Ratio}**, by CPU {run.Webhook.RatioByCpu}; answered with success and not stored: {run.Webhook.Missing}.\n");
            Line($"| behind the gateway | requests/s | p50, p95, p99 ms | told to come back, failed | CPU s per 1,000 |\n|---|---|---|---|---|");
            foreach (var one in run.Webhook.Rounds)
            {
                Line($"| {one.Kind} | {one.PerSecond:N0} | {one.P50Ms}, {one.P95Ms}, {one.P99Ms} | {one.Busy}, {one.Failed} | {string.Join(", ", one.CpuSecondsPer1000.Select(cpu => FormattableString.Invariant($"{cpu.Key} {cpu.Value}")))} |");
            }
        }

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

        IEnumerable<Round> Of(string kind) => run.Rounds.Where(round => round.Kind == kind);

        string Cpu(string kind, string program) =>
            Of(kind).Any(round => round.CpuSecondsPerMillion.ContainsKey(program))
                ? run.CpuSecondsPerMillion(kind, program).ToString("0.0", CultureInfo.InvariantCulture)
                : "–";
    }
}
