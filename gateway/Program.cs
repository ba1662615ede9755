using EasySmart.Gateway;
using EasySmart.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddGatewayDefaults("gateway");
builder.AddAccessTokens();
builder.AddConnectionLimits();
builder.AddTrustedProxies();
builder.AddSecurityHeaders();
builder.AddOrigins();
builder.AddLegacyPrefix();
builder.AddCallerLimits();
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
