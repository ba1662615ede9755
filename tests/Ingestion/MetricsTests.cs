using EasySmart.Hosting;

namespace EasySmart.Ingestion.Tests;

/// <summary>
/// Alone, because meters are the process's: OpenTelemetry takes those of one name in several hosts for one, and drops them when any of
/// these hosts ends.
/// </summary>
[Collection(nameof(MetricsTests))]
[CollectionDefinition(nameof(MetricsTests), DisableParallelization = true)]
public sealed class MetricsTests
{
    [Fact]
    public async Task The_metrics_have_the_names_that_operators_look_for()
    {
        await using var host = await new ScriptedHost().StartAsync();
        var device = host.Owner.Put(Guid.CreateVersion7());
        await host.Wire.DeliverAsync(1, device.Topic(), "1");
        await host.Wire.DeliverAsync(2, device.Topic(), "{");
        await host.Wire.DeliverAsync(3, device.Topic(), "3", again: true);
        await Eventually.TrueAsync(() => Task.FromResult(host.Wire.Acknowledged.Count == 3));
        string[] expected =
        [
            "telemetry_ingested_total{", "telemetry_rejected_total{", "reason=\"bad_json\"", "telemetry_redelivered_total{",
            "telemetry_commit_duration_seconds_bucket{", "telemetry_batch_rows_bucket{", "telemetry_channel_depth{", "telemetry_channel_late{", "telemetry_waiting{",
            "telemetry_lag_seconds_bucket{",
        ];
        var metrics = await host.Direct().GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.All(expected, name => Assert.Contains(name, metrics, StringComparison.Ordinal));
    }
}
