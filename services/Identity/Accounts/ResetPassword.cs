using EasySmart.Contracts.Auditing;
using EasySmart.Identity.Auth;
using EasySmart.Identity.Passwords;
using EasySmart.Identity.Revocations;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Console;

namespace EasySmart.Identity.Accounts;

/// <summary>
/// The command <c>reset-password &lt;email&gt;</c>, for who has lost the super-admin's password and can reach the database: prints a new
/// one, alone, on standard output, and ends the account's sessions. Needs <c>ConnectionStrings:DatabaseSystem</c> and nothing else.
/// </summary>
internal static class ResetPassword
{
    public const string Name = "reset-password";

    /// <summary>Leaves standard output to the answer, when this is the command: the log goes to standard error.</summary>
    public static bool IsAsked(string[] args, IServiceCollection services)
    {
        if (args is not [Name, ..])
        {
            return false;
        }

        services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        return true;
    }

    public static async Task<int> ResetPasswordAsync(this WebApplication app, string? text)
    {
        var cancellation = app.Lifetime.ApplicationStopping;
        await using var scope = app.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<SystemContext<IdentityDb>>().Value;
        var clock = scope.ServiceProvider.GetRequiredService<TimeProvider>();
        if (!EmailAddress.TryRead(text, out var email)
            || await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Email == email && u.Status != AccountStatus.Deleted, cancellation) is not { } user)
        {
            await Console.Error.WriteLineAsync($"No account has this e-mail address. Usage: {Name} <email>");
            return 1;
        }

        var password = PasswordRule.Generate();
        var hash = await scope.ServiceProvider.GetRequiredService<PasswordHasher>().HashAsync(password, cancellation);
        await using (var transaction = await db.Database.BeginTransactionAsync(cancellation))
        {
            user = await db.HoldUserAsync(user.Id, user.TenantId, cancellation);
            user.PasswordHash = hash;
            await db.EndSessionsAsync(user, except: null, clock, cancellation);
            // A running service publishes it.
            db.Publish(Record(user, clock), user.TenantId.EventKey());
            await db.SaveChangesAsync(cancellation);
            await db.RevokeAsync(RevocationKind.User, user.TenantId, [user.Id], clock, cancellation);
            await transaction.CommitAsync(cancellation);
        }

        await Console.Out.WriteLineAsync(password);
        return 0;
    }

    private static AuditRecorded Record(User user, TimeProvider clock) => new()
    {
        OccurredAt = clock.GetUtcNow(),
        TenantId = user.TenantId,
        UserId = user.Id,
        EventType = "auth.password_reset",
        EventCategory = "auth",
        Severity = "warning",
        ActorType = "system",
        ResourceType = "user",
        ResourceId = user.Id.ToString(),
        Action = "reset",
        Result = "success",
    };
}
