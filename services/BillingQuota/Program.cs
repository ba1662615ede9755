using EasySmart.BillingQuota;
using EasySmart.BillingQuota.Devices;
using EasySmart.BillingQuota.Ledger;
using EasySmart.BillingQuota.Plans;
using EasySmart.BillingQuota.Quotas;
using EasySmart.BillingQuota.Usage;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Contracts.Identity;
using EasySmart.Contracts.Ingestion;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;

var migrations = new Migrations(typeof(Program).Assembly, "billing");
if (args is ["migrate"] or ["verify"])
{
    return await (args is ["verify"] ? VerifyLedger.RunAsync() : migrations.RunAsync());
}

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("billing-quota");
builder.AddPostgres(migrations);
builder.AddPostgresContext<BillingDb>();
builder.AddMessaging(on => on
    .On<TenantCreated, GiveDefaultPlan>()
    .On<DeviceChanged, ApplyDevice>()
    .On<UsageRecorded, CountUsage>()
    .On<StorageReconciled, RecordReconciliation>());
builder.AddBilling();
builder.Services.AddValidation();

var app = builder.Build();
app.UseServiceDefaults();
app.MapPlans();
app.MapUsage();
app.MapLimits();
await app.RunAsync();
return 0;
