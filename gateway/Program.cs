using EasySmart.Gateway;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Errors;

var builder = WebApplication.CreateBuilder(args);
builder.AddGatewayDefaults("gateway");
builder.AddAccessTokens();
builder.AddConnectionLimits();
builder.AddTrustedProxies();
builder.AddSecurityHeaders();
builder.AddOrigins();
builder.AddLegacyPrefix();
builder.AddCallerLimits();
builder.AddRateLimit(Routes.AuthLimit, new RateLimitOptions { PermitLimit = 10 }, ClientAddress.NetworkOf);
builder.Services.AddSingleton<AddressLimits>();
builder.Services.AddOptions<ForwardingOptions>().BindConfiguration("Forwarding").ValidateDataAnnotations().ValidateOnStart();
builder.Services.AddSingleton(new Services(builder.Configuration));
builder.Services.AddHttpForwarder();

var app = builder.Build();
app.UseGatewayDefaults(beforeRouting =>
{
    beforeRouting.UseSecurityHeaders();
    beforeRouting.UseForwardedHeaders();
    beforeRouting.UseCors();
    beforeRouting.UseLegacyPrefix();
    beforeRouting.Use(app.Services.GetRequiredService<AddressLimits>().InvokeAsync);
});
app.MapRoutes(Routes.All);
app.MapApiDocument();
await app.RunAsync();
