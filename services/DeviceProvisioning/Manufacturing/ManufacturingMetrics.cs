using System.Diagnostics.Metrics;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>Counts what should die out: when no device signs with a master key itself any more, that way can be closed.</summary>
public sealed class ManufacturingMetrics(IMeterFactory meters)
{
    private readonly Counter<long> _legacy = meters.Create("EasySmart.DeviceProvisioning")
        .CreateCounter<long>("devices.legacy_signatures", "{signature}", "Signatures with a manufacturing master key itself, accepted");

    public void CountLegacy() => _legacy.Add(1);
}
