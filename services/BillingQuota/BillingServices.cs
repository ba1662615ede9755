using EasySmart.BillingQuota.Devices;
using EasySmart.BillingQuota.Ledger;
using EasySmart.BillingQuota.Plans;
using EasySmart.BillingQuota.Snapshots;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;

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
        builder.Services.AddHostedService<LedgerKeeper>();
        // The ledger has these minutes' hours, and only the last 60 minutes are asked for.
        builder.Services.AddCleaning(new Outdated("DELETE FROM usage_minutes WHERE minute < $1", TimeSpan.FromDays(1)));
    }
}
