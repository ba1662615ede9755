using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auditing;

namespace EasySmart.Identity;

/// <summary>What the program does instead of serving, when its first argument says so (<c>migrate</c> needs none of this).</summary>
internal static class Commands
{
    /// <summary>The command that is asked for; null to serve.</summary>
    public static Func<WebApplication, Task<int>>? Asked(string[] args, IServiceCollection services)
    {
        var argument = args.ElementAtOrDefault(1);
        return ResetPassword.IsAsked(args, services) ? app => app.ResetPasswordAsync(argument)
            : VerifyAudit.IsAsked(args, services) ? app => app.VerifyAuditAsync(argument)
            : null;
    }
}
