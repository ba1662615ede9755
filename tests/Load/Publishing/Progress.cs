namespace EasySmart.Load;

/// <summary>How far all publishers are, in readings.</summary>
internal sealed class Progress(int readingsInOne)
{
    private long _published;
    private long _acknowledged;

    public long PublishedReadings => Interlocked.Read(ref _published) * readingsInOne;

    public long AcknowledgedReadings => Interlocked.Read(ref _acknowledged) * readingsInOne;

    public void Published(int messages) => Interlocked.Add(ref _published, messages);

    public void Acknowledged(int messages) => Interlocked.Add(ref _acknowledged, messages);
}
