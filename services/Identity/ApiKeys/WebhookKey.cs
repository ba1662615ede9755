using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auth;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace EasySmart.Identity.ApiKeys;

/// <summary>
/// Makes the key of the configuration, with which EMQX's HTTP action sends readings, unless there is or was a key like it: one that was
/// revoked stays so.
/// </summary>
internal sealed partial class WebhookKey(IServiceScopeFactory scopes, IOptions<IdentityOptions> options, TimeProvider clock, ILogger<WebhookKey> logger)
    : IHostedService
{
    private const string Name = "EMQX webhook";

    // Any constant: the advisory lock that lets one instance after the other look.
    private const long Lock = 0x456D7178;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Value.WebhookApiKey is not { Length: > 0 } text)
        {
            return;
        }

        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<SystemContext<IdentityDb>>().Value;
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({Lock})", cancellationToken);
        var hash = OneTimeToken.HashOf(text);
        if (await db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(k => k.Hash == hash, cancellationToken) is { } known)
        {
            if (known.RevokedAt is not null)
            {
                LogRevoked(known.Id);
            }

            return;
        }

        var key = new ApiKey
        {
            Name = Name,
            Prefix = ApiKey.PrefixOf(text),
            Hash = hash,
            Scopes = [Permissions.TelemetryWrite],
            CreatedAt = clock.GetMoment(),
        };
        db.Add(key);
        db.Publish(Record(key).On(null, "api_key", key.Id));
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        LogMade(key.Id);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private AuditRecorded Record(ApiKey key) => new()
    {
        OccurredAt = clock.GetUtcNow(),
        EventType = "api_key.created",
        EventCategory = "api_key",
        Severity = "warning",
        ActorType = "system",
        Action = "create",
        Result = "success",
        Metadata = JsonSerializer.SerializeToElement(key.Described(), Json.Options),
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "The API key {ApiKeyId} of Identity:WebhookApiKey was revoked and stays so; configure a new one for EMQX")]
    private partial void LogRevoked(Guid apiKeyId);

    [LoggerMessage(Level = LogLevel.Information, Message = "Made the API key {ApiKeyId} for EMQX from the configuration")]
    private partial void LogMade(Guid apiKeyId);
}
