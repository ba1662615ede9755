using EasySmart.BillingQuota;
using EasySmart.BillingQuota.Ledger;
using EasySmart.BillingQuota.Plans;
using EasySmart.BillingQuota.Usage;
using EasySmart.Contracts.Identity;
using EasySmart.Contracts.Ingestion;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;

var migrations = new Migrations(typeof(Program).Assembly, "billing");
if (args is ["migrate"])
{
    return await migrations.RunAsync();
}

if (args is ["verify"])
{
    return await VerifyLedger.RunAsync();
}

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("billing-quota");
builder.AddPostgres(migrations);
builder.AddPostgresContext<BillingDb>();
builder.AddMessaging(on => on
    .On<TenantCreated, GiveDefaultPlan>()
    .On<UsageRecorded, CountUsage>()
    .On<StorageReconciled, RecordReconciliation>());
builder.AddServiceKey();
builder.Services.AddLedger();
builder.Services.AddValidation();

var app = builder.Build();
app.UseServiceDefaults();
app.MapPlans();
app.MapUsage();
await app.RunAsync();
return 0;
