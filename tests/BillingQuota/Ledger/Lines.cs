using System.Collections.Concurrent;
using EasySmart.BillingQuota.Ledger;
using Microsoft.Extensions.Logging;

namespace EasySmart.BillingQuota.Tests.Ledger;

/// <summary>What was logged.</summary>
internal sealed class Lines : ILogger<LedgerKeeper>, ILogger<Closer>
{
    private readonly ConcurrentQueue<string> _texts = [];

    public IEnumerable<string> Texts => _texts;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _texts.Enqueue(formatter(state, exception));
}
