using System.Diagnostics.Metrics;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>Counts logins to the broker by how they ended; a rise of one reason is the first sign of guessing or of a bad roll-out.</summary>
public sealed class LoginMetrics(IMeterFactory meters)
{
    private readonly Counter<long> _logins = meters.Create("EasySmart.DeviceProvisioning")
        .CreateCounter<long>("mqtt.logins", "{login}", "Logins to the MQTT broker, by result");

    public void Count(string result) => _logins.Add(1, new KeyValuePair<string, object?>("result", result));
}
