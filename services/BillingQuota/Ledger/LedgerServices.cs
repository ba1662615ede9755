using EasySmart.BillingQuota.Snapshots;
using EasySmart.BillingQuota.Usage;

namespace EasySmart.BillingQuota.Ledger;

internal static class LedgerServices
{
    public static void AddLedger(this IServiceCollection services)
    {
        services.AddSingleton<DeviceHours>().AddSingleton<Poster>().AddSingleton<Closer>().AddSingleton<MonthEnd>();
        services.AddHostedService<LedgerKeeper>().AddHostedService<MinuteCleaner>();
    }
}
