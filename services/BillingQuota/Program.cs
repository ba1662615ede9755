using EasySmart.BillingQuota;
using EasySmart.BillingQuota.Devices;
using EasySmart.BillingQuota.Plans;
using EasySmart.BillingQuota.Quotas;
using EasySmart.BillingQuota.Usage;
using EasySmart.Contracts.DeviceProvisioning;
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

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("billing-quota");
builder.AddPostgres(migrations);
builder.AddPostgresContext<BillingDb>();
builder.AddMessaging(on => on
    .On<TenantCreated, GiveDefaultPlan>()
    .On<DeviceChanged, ApplyDevice>()
    .On<UsageRecorded, CountUsage>());
builder.AddReplica(ApplyDevice.Replica);
builder.AddServiceKey();
builder.Services.AddValidation();

var app = builder.Build();
app.UseServiceDefaults();
app.MapPlans();
app.MapLimits();
await app.RunAsync();
return 0;
