using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>
/// Debian's Mosquitto, which has what the fleet's own broker has not: shared subscriptions, and sessions that outlive it. It lets anybody in,
/// as a broker would that remembers its clients. Each test finds it empty. Seen of 2.0.21: a restart keeps sessions with what they hold, but
/// forgets shared subscriptions until their subscribers are back, and what is published meanwhile is nobody's; and what it has given one
/// subscriber of a group it never gives another, not even when that one's session ends.
/// </summary>
internal sealed class PersistentBroker : IAsyncDisposable
{
    /// <summary>Messages that it has under way to one client, at most.</summary>
    public const int InFlight = 1000;

    private const string Program = "mosquitto";

    public static string Port => TestServers.Required("EASYSMART_MOSQUITTO_PORT");

    public static async Task<PersistentBroker> StartAsync()
    {
        var state = new DirectoryInfo(Path.Combine(TestServers.Required("EASYSMART_STATE_DIR"), "data", Program));
        if (state.Exists)
        {
            state.Delete(recursive: true);
        }

        await Fleet.StartAsync(Program);
        return new PersistentBroker();
    }

    /// <summary>Stops it, so that it writes down what it holds, and starts it again.</summary>
    public static async Task RestartAsync()
    {
        await Fleet.StopAsync(Program);
        await Fleet.StartAsync(Program);
    }

    /// <summary>An ingestion process with a session here that stays.</summary>
    /// <param name="number">Names the session.</param>
    /// <param name="shared">Whether it shares the messages with others.</param>
    /// <param name="settings">What is otherwise than in the fleet's ingestion, as environment variables.</param>
    public static async Task<Instance> IngestionAsync(int number, bool shared = false, params IEnumerable<(string Name, string Value)> settings)
    {
        var instance = await Fleet.SecondAsync(
            "ingestion", [("Mqtt__Port", Port), ("Mqtt__ClientId", $"service/persistent-{number}"), ("Mqtt__SharedSubscription", $"{shared}"), .. settings]);
        await Eventually.TrueAsync(instance.IsReadyAsync, seconds: 60);
        return instance;
    }

    public async ValueTask DisposeAsync() => await Fleet.StopAsync(Program);
}
