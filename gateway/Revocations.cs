using System.Collections.Concurrent;
using System.Net.Http.Json;
using EasySmart.ServiceDefaults;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace EasySmart.Gateway;

/// <summary>
/// What Identity has taken back, read every 2 s, so that a credential stops passing here seconds after its user, tenant, session or key
/// does. While Identity is away nothing can be taken back either, and what is known goes on holding.
/// </summary>
internal sealed partial class Revocations(IHttpClientFactory clients, OpenStreams streams, TimeProvider clock, ILogger<Revocations> logger)
    : BackgroundService, IHealthCheck
{
    /// <summary>Of the HTTP client that asks Identity.</summary>
    internal const string Client = "identity-internal";

    private const int PageSize = 10_000;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    // As long as Identity keeps them: no access token lives longer than a day.
    private static readonly TimeSpan Keep = TimeSpan.FromHours(25);

    private readonly ConcurrentDictionary<Guid, Revocation> _newest = new();
    private long _version;
    private bool _failing;

    /// <summary>Whether the feed has been read at least once; before that, nobody can tell what passes.</summary>
    public bool Known { get; private set; }

    /// <summary>Whether something that <paramref name="principal"/> names was taken back after its credential was issued.</summary>
    public bool Refuse(Principal principal)
    {
        foreach (var subject in principal.Subjects)
        {
            if (_newest.TryGetValue(subject, out var revoked) && revoked.Version > principal.Version)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads once before the gateway listens; Identity may be away then.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await PollAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>Ready means: can tell what was taken back. Identity itself may be away.</summary>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Known ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("What was revoked is not known yet"));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await PollAsync(stoppingToken);
        }
    }

    private async Task PollAsync(CancellationToken cancellation)
    {
        try
        {
            using var identity = clients.CreateClient(Client);
            RevocationPage page;
            do
            {
                page = await identity.GetFromJsonAsync<RevocationPage>(
                    $"internal/revocations?after={_version}&limit={PageSize}", Json.Options, cancellation) ?? throw new InvalidDataException("Identity answered null");
                Apply(page);
            }
            while (page.Revocations.Count == PageSize);
            Known = true;
            // All of them each time: one may have begun between the look at what is revoked and its first byte.
            streams.End(Refuse);
            if (_failing)
            {
                _failing = false;
                LogReadAgain();
            }

            Forget();
        }
        catch (Exception fault) when (!cancellation.IsCancellationRequested)
        {
            if (!_failing)
            {
                _failing = true;
                LogCouldNotRead(fault);
            }
        }
    }

    private void Apply(RevocationPage page)
    {
        if (page.Version < _version)
        {
            // Identity's database was set back to a backup, users and sessions with it: what it says now is all that holds.
            _version = 0;
            _newest.Clear();
            return;
        }

        _version = page.Revocations is [.., { } last] ? last.Version : _version;
        foreach (var revocation in page.Revocations)
        {
            _newest[revocation.SubjectId] = revocation;
        }
    }

    private void Forget()
    {
        var old = clock.GetUtcNow() - Keep;
        foreach (var (subject, revocation) in _newest)
        {
            if (revocation.At < old)
            {
                _newest.TryRemove(KeyValuePair.Create(subject, revocation));
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "Identity's revocations could not be read; what is known goes on holding, and it is tried again every 2 s")]
    private partial void LogCouldNotRead(Exception exception);

    [LoggerMessage(LogLevel.Information, "Identity's revocations are read again")]
    private partial void LogReadAgain();

    private sealed record Revocation(long Version, Guid SubjectId, DateTimeOffset At);

    private sealed record RevocationPage(long Version, IReadOnlyList<Revocation> Revocations);
}
