using EasySmart.DeviceProvisioning.Commands;
using EasySmart.DeviceProvisioning.Messages;
using EasySmart.DeviceProvisioning.Presence;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>What this service does with the broker besides logins: presence, session ends, devices' messages, commands.</summary>
public static class SessionsServices
{
    public static void AddSessions(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<BrokerApiOptions>().BindConfiguration("BrokerApi").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<SessionMetrics>();
        services.AddSingleton<BrokerApi>();
        services.AddSingleton<SessionFinder>();
        services.AddSingleton<SessionBook>();
        services.AddSingleton<ClientIdKeeper>();
        services.AddSingleton<MessageWriter>();
        services.AddWorker<EventCollector>();
        services.AddWorker<SessionEnder>();
        services.AddWorker<MessageIntake>();
        services.AddWorker<BrokerSession>();
        services.AddWorker<CommandDispatcher>();
        services.AddWorker<CommandExpiry>();
        services.AddWorker<Reconciliation>();
        services.AddWorker<Notices>();
        services.AddHealthChecks().AddCheck<MqttHealth>("mqtt", HealthStatus.Degraded);
    }

    private static void AddWorker<TWorker>(this IServiceCollection services) where TWorker : class, IHostedService =>
        services.AddSingleton<TWorker>().AddHostedService(provider => provider.GetRequiredService<TWorker>());
}
