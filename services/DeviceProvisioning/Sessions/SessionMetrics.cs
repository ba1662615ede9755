using System.Diagnostics.Metrics;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>What goes on between the broker and us, besides logins.</summary>
public sealed class SessionMetrics
{
    private readonly Counter<long> _events;
    private readonly Counter<long> _messages;
    private readonly Counter<long> _ends;
    private readonly Counter<long> _commands;
    private long _pending;

    public SessionMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("EasySmart.DeviceProvisioning");
        _events = meter.CreateCounter<long>("mqtt.events", "{event}", "Events of the broker, by what became of them");
        _messages = meter.CreateCounter<long>("mqtt.messages", "{message}", "Messages of devices to this service, by what became of them");
        _ends = meter.CreateCounter<long>("mqtt.session_ends", "{session_end}", "Session ends that changes owed, by result");
        _commands = meter.CreateCounter<long>("commands", "{command}", "Commands, by the state that they reached");
        meter.CreateObservableGauge(
            "mqtt.session_ends.pending", () => Volatile.Read(ref _pending), "{session_end}", "Session ends that are due and not done");
    }

    public void Event(string result, int count = 1) => _events.Add(count, new KeyValuePair<string, object?>("result", result));

    public void Message(string result, int count = 1) => _messages.Add(count, new KeyValuePair<string, object?>("result", result));

    public void End(string result) => _ends.Add(1, new KeyValuePair<string, object?>("result", result));

    public void Command(string state, int count = 1) => _commands.Add(count, new KeyValuePair<string, object?>("state", state));

    public void EndsPending(long count) => Volatile.Write(ref _pending, count);
}
