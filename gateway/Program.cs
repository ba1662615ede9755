using EasySmart.Gateway;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Errors;

var builder = WebApplication.CreateBuilder(args);
builder.AddGatewayDefaults("gateway");
builder.AddAccessTokens();
builder.AddOrigins();
builder.AddLegacyPrefix();
builder.AddRateLimit(Routes.AuthLimit, new RateLimitOptions { PermitLimit = 10 }, ClientAddress.Of);
builder.Services.AddOptions<ForwardingOptions>().BindConfiguration("Forwarding").ValidateDataAnnotations().ValidateOnStart();
builder.Services.AddSingleton(new Services(builder.Configuration));
builder.Services.AddHttpForwarder();

var app = builder.Build();
app.UseGatewayDefaults(beforeRouting =>
{
    beforeRouting.UseCors();
    beforeRouting.UseLegacyPrefix();
});
app.MapRoutes();
app.MapApiDocument();
await app.RunAsync();
