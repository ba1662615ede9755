using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Authentication;

namespace EasySmart.Gateway;

/// <summary>Where authentication ends: the scheme for access tokens and API keys, and what they are verified with.</summary>
internal static class Authentication
{
    internal static void AddAccessTokens(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<AccessTokenOptions>().BindConfiguration("AccessTokens").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton(services => ActivatorUtilities.CreateInstance<IdentityKeys>(services, new HttpClient
        {
            BaseAddress = new Uri(services.GetRequiredService<Services>().AddressOf(Services.Identity)),
            Timeout = TimeSpan.FromSeconds(5),
            MaxResponseContentBufferSize = 1 << 20,
        }));
        builder.AddServiceKey();
        builder.Services.AddHttpClient(Revocations.Client, (services, client) =>
        {
            client.BaseAddress = new Uri(services.GetRequiredService<Services>().AddressOf(Services.Identity));
            // A silent Identity must not hold up what revokes within seconds.
            client.Timeout = TimeSpan.FromSeconds(2);
            ServiceKey.AddTo(client, services.GetRequiredService<IConfiguration>());
        });
        builder.Services.AddSingleton<OpenStreams>();
        builder.Services.AddSingleton<Revocations>().AddHostedService(services => services.GetRequiredService<Revocations>());
        builder.Services.AddSingleton<AccessTokens>();
        var limit = RateLimits.Read(builder.Configuration, UnknownKeys.Limit, new RateLimitOptions { PermitLimit = 60 });
        builder.Services.AddSingleton(services => new UnknownKeys(limit, services.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<ApiKeys>().AddSingleton<StreamTickets>();
        builder.Services.AddHealthChecks().AddCheck<IdentityKeys>("identity").AddCheck<Revocations>("revocations");
        builder.Services.AddAuthentication(AccessTokenHandler.Name)
            .AddScheme<AuthenticationSchemeOptions, AccessTokenHandler>(AccessTokenHandler.Name, null);
        builder.Services.AddAuthorization();
    }
}
