using EasySmart.BillingQuota.Devices;
using EasySmart.BillingQuota.Ledger;
using EasySmart.BillingQuota.Plans;
using EasySmart.BillingQuota.Snapshots;
using EasySmart.BillingQuota.Usage;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Messaging;

namespace EasySmart.BillingQuota;

internal static class BillingServices
{
    public static void AddBilling(this IHostApplicationBuilder builder)
    {
        builder.AddServiceKey();
        builder.AddReplica(ApplyDevice.Replica);
        builder.AddReplica(services => GiveDefaultPlan.Replica(services.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<UnknownTenants>();
        builder.Services.AddSingleton<DeviceHours>().AddSingleton<Poster>().AddSingleton<Closer>().AddSingleton<MonthEnd>();
        builder.Services.AddHostedService<LedgerKeeper>().AddHostedService<MinuteCleaner>();
    }
}
