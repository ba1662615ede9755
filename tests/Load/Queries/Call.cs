using System.Diagnostics;
using System.Globalization;

namespace EasySmart.Load;

/// <summary>One question that an app, an analyst or an export asks.</summary>
/// <param name="Name">What it is, for people.</param>
/// <param name="Path">What is asked of the gateway.</param>
/// <param name="Times">How often it is asked.</param>
internal sealed record Call(string Name, string Path, int Times)
{
    /// <summary>What a dashboard and an analyst ask about <paramref name="history"/>.</summary>
    public static IReadOnlyList<Call> Of(History history)
    {
        var (start, end) = (history.Past.Start, history.Past.End);
        var (busy, other) = (history.Devices[0].Id, history.Devices[^1].Id);
        var all = string.Join(',', history.Devices.Take(200).Select(d => d.Id));
        var year = Range(start, end);
        var month = Range(end.AddDays(-30), end);
        var day = Range(end.AddDays(-1), end);
        return
        [
            new("latest of one slot", $"latest?device_id={busy}&slot=0", 50),
            new($"latest of {Math.Min(200, history.Devices.Length)} devices", $"latest/all?device_ids={all}", 30),
            new("history, newest 1,000", $"history?device_id={busy}&slot=0&{year}", 30),
            new("history, 1,000 from the middle of the year", $"history?device_id={busy}&slot=0&order=asc&{Range(start + (end - start) / 2, end)}", 30),
            new("a year by days, busy slot", $"aggregate?device_id={busy}&slot=0&bucket=1d&fn=avg,min,max,sum,count,first,last&{year}", 30),
            new("a year by days in São Paulo, busy slot", $"aggregate?device_id={busy}&slot=0&bucket=1d&tz=America/Sao_Paulo&{year}", 30),
            new("a year, 500 points, busy slot", $"aggregate?device_id={busy}&slot=0&{year}", 30),
            new("a year by 6 hours, another slot", $"aggregate?device_id={other}&slot=0&bucket=6h&{year}", 30),
            new("30 days by hours, filled", $"aggregate?device_id={busy}&slot=0&bucket=1h&fill=linear&{month}", 30),
            new("a day by minutes", $"aggregate?device_id={busy}&slot=0&bucket=1m&{day}", 30),
            new("30 days with p95, from raw", $"aggregate?device_id={busy}&slot=0&bucket=1d&fn=avg,p95&{month}", 5),
        ];
    }

    /// <summary>An export of what the busy slot has.</summary>
    public static Call ExportOf(History history, string format, TimeSpan time) => new(
        $"export {format}, {time.TotalDays:N0} days of the busy slot",
        $"export?format={format}&device_id={history.Devices[0].Id}&slot=0&{Range(history.Past.End - time, history.Past.End)}",
        1);

    /// <summary>Asks once; returns how long it took until the last byte, and how many there were.</summary>
    public async Task<(double Milliseconds, long Bytes)> AskAsync(HttpClient gateway, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        using var answer = await gateway.GetAsync($"/api/v1/telemetry/{Path}", HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (!answer.IsSuccessStatusCode)
        {
            throw new InvalidOperationException($"{Name}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(cancellation)}");
        }

        await using var body = await answer.Content.ReadAsStreamAsync(cancellation);
        var (buffer, bytes) = (new byte[64 * 1024], 0L);
        for (int read; (read = await body.ReadAsync(buffer, cancellation)) > 0;)
        {
            bytes += read;
        }

        return (Stopwatch.GetElapsedTime(started).TotalMilliseconds, bytes);
    }

    private static string Range(DateTime from, DateTime to) =>
        string.Create(CultureInfo.InvariantCulture, $"from={from:yyyy-MM-ddTHH:mm:ssZ}&to={to:yyyy-MM-ddTHH:mm:ssZ}");
}
