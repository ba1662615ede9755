using EasySmart.Identity.Accounts;
using EasySmart.Identity.ApiKeys;
using EasySmart.Identity.Auth;
using EasySmart.Identity.Passwords;
using EasySmart.Identity.Revocations;
using EasySmart.Identity.StreamTickets;
using EasySmart.Identity.Tenants;
using EasySmart.Identity.Throttling;
using EasySmart.Identity.Tokens;
using EasySmart.Identity.Users;
using EasySmart.ServiceDefaults.Postgres;

namespace EasySmart.Identity;

/// <summary>What the endpoints stand on.</summary>
internal static class AccountServices
{
    public static void AddAccounts(this IHostApplicationBuilder builder)
    {
        builder.AddIdentityOptions();
        builder.Services.AddSingleton(new ThrottleLimits(builder.Configuration));
        builder.Services.AddSingleton<PasswordHasher>().AddSingleton<SigningKeys>().AddSingleton<AccessTokens>();
        builder.Services.AddSingleton<Sessions>().AddSingleton<Throttles>().AddSingleton<AccountChanges>();
        builder.Services.AddHostedService<FirstSuperAdmin>().AddHostedService<WebhookKey>();
        // A session's row outlives its end until its last refresh token would have expired, so that a spent one is still known as such.
        // The newest revocation stays, so that versions go on growing from it.
        builder.Services.AddCleaning(
            new Outdated("DELETE FROM sessions WHERE expires_at < $1", TimeSpan.Zero),
            new Outdated("DELETE FROM invitations WHERE expires_at < $1", TimeSpan.Zero),
            new Outdated("DELETE FROM password_resets WHERE expires_at < $1", TimeSpan.Zero),
            new Outdated("DELETE FROM stream_tickets WHERE expires_at < $1", TimeSpan.Zero),
            new Outdated("DELETE FROM throttles WHERE window_ends < $1", TimeSpan.FromDays(1)),
            new Outdated("DELETE FROM revocations WHERE at < $1 AND version < (SELECT max(version) FROM revocations)", RevocationLog.Kept));
    }

    public static void MapAccounts(this IEndpointRouteBuilder routes)
    {
        routes.MapAuth();
        routes.MapUsers();
        routes.MapTenants();
        routes.MapApiKeys();
        routes.MapStreamTickets();
        routes.MapRevocations();
        routes.MapJwks();
    }
}
