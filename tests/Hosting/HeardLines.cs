using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace EasySmart.Hosting;

/// <summary>What somebody logged.</summary>
public sealed class HeardLines<T> : ILogger<T>
{
    /// <summary>Every line, in order.</summary>
    public ConcurrentQueue<(LogLevel Level, string Line)> All { get; } = [];

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        All.Enqueue((logLevel, formatter(state, exception)));
}
