using EasySmart.Contracts.Auditing;
using EasySmart.Identity.Passwords;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace EasySmart.Identity.Accounts;

/// <summary>
/// Makes the super-admin of the configuration when there is none: at the first start, before anybody is answered. Never the one who
/// registers first, and never changes one that exists.
/// </summary>
internal sealed partial class FirstSuperAdmin(
    IServiceScopeFactory scopes, PasswordHasher passwords, IOptions<IdentityOptions> options, TimeProvider clock, ILogger<FirstSuperAdmin> logger)
    : IHostedService
{
    // Any constant: the advisory lock that lets one instance after the other look.
    private const long Lock = 0x41646D69;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<SystemContext<IdentityDb>>().Value;
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({Lock})", cancellationToken);
        if (await db.Users.AnyAsync(u => u.Role == Role.SuperAdmin, cancellationToken))
        {
            return;
        }

        if (!EmailAddress.TryRead(options.Value.SuperAdmin.Email, out var email))
        {
            LogNone();
            return;
        }

        var admin = new User
        {
            Email = email,
            PasswordHash = await passwords.HashAsync(options.Value.SuperAdmin.Password, cancellationToken),
            Role = Role.SuperAdmin,
            CreatedAt = clock.GetMoment(),
        };
        db.Add(admin);
        db.Publish(Record(admin));
        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (Exception exception) when (exception.ViolatedConstraint() == "users_email_unique")
        {
            throw new InvalidOperationException(
                "Identity:SuperAdmin:Email is the address of a tenant's user, who is not made super-admin by it; configure another address", exception);
        }

        await transaction.CommitAsync(cancellationToken);
        LogMade(admin.Id);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private AuditRecorded Record(User admin) => new()
    {
        OccurredAt = clock.GetUtcNow(),
        UserId = admin.Id,
        EventType = "auth.super_admin_created",
        EventCategory = "auth",
        Severity = "warning",
        ActorType = "system",
        ResourceType = "user",
        ResourceId = admin.Id.ToString(),
        Action = "create",
        Result = "success",
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "There is no super-admin yet; set Identity:SuperAdmin:Email and Identity:SuperAdmin:Password and start again")]
    private partial void LogNone();

    [LoggerMessage(Level = LogLevel.Information, Message = "Made the super-admin {UserId} from the configuration")]
    private partial void LogMade(Guid userId);
}
