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
        builder.Services.AddHostedService<FirstSuperAdmin>().AddHostedService<WebhookKey>().AddHostedService<Cleaner>();
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
