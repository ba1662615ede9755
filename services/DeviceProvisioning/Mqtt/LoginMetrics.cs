using System.Diagnostics.Metrics;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>Counts logins to the broker by how they ended; a rise of one reason is the first sign of guessing or of a bad roll-out.</summary>
public sealed class LoginMetrics
{
    private readonly Counter<long> _logins;

    public LoginMetrics(IMeterFactory meters, LoginMemory memory)
    {
        var meter = meters.Create("EasySmart.DeviceProvisioning");
        _logins = meter.CreateCounter<long>("mqtt.logins", "{login}", "Logins to the MQTT broker, by result");
        meter.CreateObservableGauge("mqtt.logins.known", () => memory.Count, "{device}", "Devices that get in from memory");
        meter.CreateObservableGauge(
            "mqtt.logins.memory_trusted", () => memory.IsTrusted ? 1 : 0, null, "1 while devices get in from memory, 0 while each login asks the database");
    }

    public void Count(string result) => _logins.Add(1, new KeyValuePair<string, object?>("result", result));
}
