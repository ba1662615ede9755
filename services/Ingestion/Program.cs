using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Contracts.Identity;
using EasySmart.Ingestion;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Quotas;
using EasySmart.Ingestion.Rejected;
using EasySmart.Ingestion.Tenants;
using EasySmart.Ingestion.Webhook;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;

var migrations = new Migrations(typeof(Program).Assembly, "ingestion");
if (args is ["migrate"])
{
    return await migrations.RunAsync();
}

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("ingestion");
builder.AddPostgres(migrations);
builder.AddMessaging(on => on
    .On<DeviceChanged, ApplyDeviceChange>()
    .On<TenantStatusChanged, ApplyTenantStatus>()
    .On<TenantQuotaChanged, ApplyTenantQuota>());
builder.AddIngestion();
builder.Services.AddValidation();

var app = builder.Build();
app.UseServiceDefaults();
app.MapRejections();
app.MapQuotas();
app.MapWebhook();
await app.RunAsync();
return 0;
