using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Presence;
using EasySmart.ServiceDefaults.Auth;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>What the MQTT broker asks. The gateway does not route these.</summary>
public static class MqttEndpoints
{
    public static void MapMqtt(this IEndpointRouteBuilder app)
    {
        var hooks = app.MapGroup("/internal/mqtt").RequireKey("X-EasySmart-Hook-Key", "Hooks:Key").ExcludeFromDescription();
        hooks.MapPost("/authenticate", Authenticate.HandleAsync);
        hooks.MapPost("/events", TakeEvent.HandleAsync);
    }

    public static void AddMqtt(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<MqttOptions>().BindConfiguration("Mqtt").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddOptions<HooksOptions>().BindConfiguration("Hooks").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddOptions<LoginThrottleOptions>().BindConfiguration("LoginThrottle").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<ServiceAccounts>();
        builder.Services.AddSingleton<DeviceDoor>();
        builder.Services.AddSingleton<DeviceLogins>();
        builder.Services.AddSingleton<EarlierSecrets>();
        builder.Services.TryAddSingleton<BcryptChecks>();
        builder.Services.AddSingleton<LoginBacklog>();
        builder.Services.AddSingleton<LoginMemory>();
        builder.Services.AddSingleton<LoginThrottle>();
        builder.Services.AddSingleton<ClientIds>();
        builder.Services.AddSingleton<LoginMetrics>();
        builder.Services.AddHostedService<FirstLogin>();
        builder.Services.AddHostedService<LoginKeeper>();
    }
}
