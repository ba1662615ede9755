using System.Diagnostics;

namespace EasySmart.Load;

/// <summary>All devices that publish, connected for the whole run.</summary>
internal sealed class Crowd : IDisposable
{
    private const int ConnectsAtATime = 50;
    // Above all that the broker may hold back while its queue for ingestion is full.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private Crowd(Publisher[] publishers, Behaviour behaviour) => (Publishers, Behaviour) = (publishers, behaviour);

    public IReadOnlyList<Publisher> Publishers { get; }

    public Behaviour Behaviour { get; }

    public static Task<Crowd> ConnectAsync(RunningFleet fleet, IReadOnlyList<LoadDevice> devices, Behaviour behaviour, CancellationToken cancellation) =>
        ConnectAsync(fleet, devices, behaviour, null, cancellation);

    /// <param name="fleet">The fleet.</param>
    /// <param name="devices">The devices.</param>
    /// <param name="behaviour">What they do.</param>
    /// <param name="onPublish">Hears of each message, by the index of its device and its number; null for nobody.</param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task<Crowd> ConnectAsync(
        RunningFleet fleet, IReadOnlyList<LoadDevice> devices, Behaviour behaviour, Action<int, long>? onPublish, CancellationToken cancellation)
    {
        var publishers = new Publisher[devices.Count];
        await Parallel.ForAsync(0, devices.Count, new ParallelOptions { MaxDegreeOfParallelism = ConnectsAtATime, CancellationToken = cancellation },
            async (i, c) => publishers[i] = new Publisher(devices[i], await Wire.OpenAsync(fleet, devices[i], c), behaviour)
            {
                OnPublish = onPublish is null ? null : number => onPublish(i, number),
            });
        return new Crowd(publishers, behaviour);
    }

    /// <summary>Publishes for <paramref name="time"/>, <paramref name="perSecond"/> messages or as many as it can, and returns when all are acknowledged.</summary>
    public async Task<long> PublishAsync(TimeSpan time, double perSecond, Progress progress, CancellationToken cancellation)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var started = Stopwatch.GetTimestamp();
        ended.CancelAfter(time);
        await Task.WhenAll(Publishers.Select((publisher, i) =>
            Task.Run(() => publisher.RunAsync(new Pace(started, perSecond, Publishers.Count, i), progress, ended.Token), CancellationToken.None)))
            .WaitAsync(time + Patience, cancellation);
        return started;
    }

    public void Dispose()
    {
        foreach (var publisher in Publishers)
        {
            publisher.Dispose();
        }
    }
}
