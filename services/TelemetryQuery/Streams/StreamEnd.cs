namespace EasySmart.TelemetryQuery.Streams;

/// <summary>Why this service ends a stream; what the event <c>end</c> says.</summary>
/// <param name="Code">For programs.</param>
/// <param name="Message">For people.</param>
internal sealed record StreamEnd(string Code, string Message)
{
    public static readonly StreamEnd SlowReader = new("slow_reader", "Readings come faster than you read them; resume, or follow fewer devices")
    {
        Patience = TimeSpan.FromSeconds(10),
    };

    public static readonly StreamEnd Expired = new("expired", "The stream has been open for an hour; connect again");

    public static readonly StreamEnd Stopping = new("stopping", "The service restarts; connect again");

    // For how long the client may take to read this, before it is cut off without.
    internal TimeSpan Patience { get; private init; } = TimeSpan.FromSeconds(2);
}
