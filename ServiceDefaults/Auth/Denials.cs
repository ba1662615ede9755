using System.Threading.Channels;
using EasySmart.Contracts.Auditing;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EasySmart.ServiceDefaults.Auth;

/// <summary>
/// Leaves an audit record <c>access.denied</c> when a known caller is refused for want of a permission (403). Who tries costs neither a
/// wait nor a flood: the record is written after the answer, one a minute for each caller and route, and so many in all.
/// </summary>
/// <remarks>Requests of nobody that is known (401) leave none: anybody in the network could fill the audit with them.</remarks>
internal sealed partial class Denials(
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, ServiceName service, TimeProvider clock, ILogger<Denials> logger)
    : BackgroundService, IAuthorizationMiddlewareResultHandler
{
    private const int MaxPerMinute = 1000;

    private readonly AuthorizationMiddlewareResultHandler _usual = new();
    private readonly Channel<AuditRecorded> _waiting = Channel.CreateBounded<AuditRecorded>(
        new BoundedChannelOptions(MaxPerMinute) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly HashSet<(Guid?, string)> _recorded = [];
    private long _minute;

    public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Forbidden)
        {
            var path = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText?.TrimEnd('/');
            var (caller, route) = (Caller.From(context), $"{context.Request.Method} {path}");
            if (IsFirstInMinute(caller.Id, route))
            {
                _waiting.Writer.TryWrite(caller.Audit(clock, "access.denied", "call", "denied", new { service = service.Value }) with
                {
                    Severity = "warning",
                    ResourceType = "route",
                    ResourceId = route,
                });
            }
        }

        return _usual.HandleAsync(next, context, policy, authorizeResult);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // What waits when the service stops is still written.
        await using var stop = stoppingToken.Register(() => _waiting.Writer.TryComplete());
        await foreach (var record in _waiting.Reader.ReadAllAsync(CancellationToken.None))
        {
            try
            {
                await StoreAsync(record);
            }
            catch (Exception exception) when (Transient.Is(exception))
            {
                LogInstead(record.ActorId, record.ResourceId, exception.Message);
            }
        }
    }

    private async Task StoreAsync(AuditRecorded record)
    {
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        await using var transaction = await connection.BeginTransactionAsync(CancellationToken.None);
        await transaction.PublishAsync(record, record.TenantId?.ToString() ?? "", CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
    }

    private bool IsFirstInMinute(Guid? caller, string route)
    {
        lock (_recorded)
        {
            var minute = clock.GetUtcNow().UtcTicks / TimeSpan.TicksPerMinute;
            if (minute != _minute)
            {
                _minute = minute;
                _recorded.Clear();
            }

            return _recorded.Count < MaxPerMinute && _recorded.Add((caller, route));
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Caller} was denied {Route}; the audit could not be told: {Reason}")]
    private partial void LogInstead(string? caller, string? route, string reason);
}
