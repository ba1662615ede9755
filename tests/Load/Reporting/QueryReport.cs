using System.Globalization;
using System.Text;

namespace EasySmart.Load;

/// <summary>What a run of queries came to, for people.</summary>
internal static class QueryReport
{
    public static string Of(Options options, QueryRun run)
    {
        var (text, past) = (new StringBuilder(), run.Past);
        Line($"{past.Readings:N0} readings of {past.Devices} devices in {(past.End - past.Start).Days} days, one of them ten a minute ({past.Busy:N0}: the busy slot).");
        Line($"Stored by COPY in {past.CopySeconds:N0} s, rolled up by ingestion in {past.RollSeconds:N0} s. With indexes: readings {run.ReadingsGib} GiB, rollups {run.RollupsGib} GiB.");
        Line($"\n## Calls\n\nThrough the gateway, one at a time, to the last byte.\n\n| call | first | p50 | p95 | bytes | CPU ms a call: PostgreSQL, service, gateway |\n|---|---|---|---|---|---|");
        foreach (var call in run.Calls)
        {
            Line($"| {call.Name} | {call.FirstMs} ms | **{call.P50Ms} ms** | {call.P95Ms} ms | {call.Bytes:N0} | {call.CpuMs["telemetry"]}, {call.CpuMs["telemetry-query"]}, {call.CpuMs["gateway"]} |");
        }

        Line($"\n## Exports\n\n| export | readings | seconds | readings/s | MiB | most memory of the service |\n|---|---|---|---|---|---|");
        foreach (var export in run.Exports)
        {
            Line($"| {export.Name} | {export.Readings:N0} | {export.Seconds:0.0} | {export.Readings / export.Seconds:N0} | {export.Bytes >> 20:N0} | {export.MostResidentMib} MiB |");
        }

        var stream = run.Stream;
        Line($"\n## Stream\n\nFrom the publish until an open stream told it, at {stream.BackgroundPerSecond:N0} readings a second of others: {stream.Told:N0} of {stream.Published:N0} told, once each and in order.\n\n```");
        text.Append(Chart.Bars([("p50", stream.P50Ms), ("p95", stream.P95Ms), ("p99", stream.P99Ms), ("most", stream.MostMs)], "ms"));
        var beside = run.Interference;
        Line($"```\n\n## Beside ingest\n\n{options.Publishers} devices publish as fast as it goes, {options.Seconds} s a round, {options.Rounds} rounds of each kind in turns; medians.");
        Line($"The dashboard asks all calls above in turn, {Interference.CallsPerSecond} a second without waiting for the answers ({beside.DashboardCalls} answered within their round); the export has the busy slot as csv, again and again.\n\n| | readings/s | of alone |\n|---|---|---|");
        Line($"| alone | {beside.AlonePerSecond:N0} | 1 |");
        Line($"| beside a dashboard | {beside.AlonePerSecond * beside.DashboardRatio:N0} | **{beside.DashboardRatio}** |");
        Line($"| beside an export | {beside.AlonePerSecond * beside.ExportRatio:N0} | **{beside.ExportRatio}** |");
        Line($"\n## Plans\n\nOf the service's own statements, as the server logged them (auto_explain), each the second time it was asked. Of lines that differ in numbers only, two.");
        foreach (var plan in run.Plans)
        {
            Line($"\n### {plan.Name}\n\n```\n{plan.Text}\n```");
        }

        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }
}
