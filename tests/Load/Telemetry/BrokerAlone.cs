using System.Diagnostics;

namespace EasySmart.Load;

/// <summary>(a) The broker alone: while ingestion stands still, a subscriber that only counts has its place.</summary>
internal static class BrokerAlone
{
    public static async Task<Round> MeasureAsync(RunningFleet fleet, Crowd crowd, TimeSpan time, double rate, CancellationToken cancellation)
    {
        // Not stopped but halted: the supervisor's fresh start would be compiling itself through the next round.
        fleet.Supervise("signal", "STOP", "ingestion");
        try
        {
            using var subscriber = await CountingSubscriber.OpenAsync(fleet, cancellation);
            var (cpu, progress) = (new CpuMeter(fleet, "broker"), new Progress(Payloads.ReadingsOf(crowd.Behaviour.Shape)));
            var readings = Payloads.ReadingsOf(crowd.Behaviour.Shape);
            await using var ticker = new Ticker("a", progress, "received", () => Task.FromResult(subscriber.Count * readings), null);
            var started = await crowd.PublishAsync(time, rate, progress, cancellation);
            await Until.TrueAsync("Not all that was acknowledged was received", TimeSpan.FromMinutes(2),
                () => Task.FromResult(subscriber.Count * readings >= progress.AcknowledgedReadings), cancellation);
            var (seconds, used) = (Stopwatch.GetElapsedTime(started).TotalSeconds, cpu.Take());
            await subscriber.LeaveAsync();
            return new Round(
                "a", progress.AcknowledgedReadings, 0, subscriber.Count * readings - progress.AcknowledgedReadings,
                seconds, progress.AcknowledgedReadings / seconds, used, ticker.Timeline, ticker.ResidentMib);
        }
        finally
        {
            fleet.Supervise("signal", "CONT", "ingestion");
            await fleet.ReadyAsync("ingestion", CancellationToken.None);
        }
    }
}
