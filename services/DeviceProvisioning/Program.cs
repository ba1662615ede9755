using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.Ingestion;
using EasySmart.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.DeviceProvisioning.Quotas;
using EasySmart.DeviceProvisioning.Replication;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Idempotency;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;

var migrations = new Migrations(typeof(Program).Assembly, "devices");
if (args is ["migrate"])
{
    return await migrations.RunAsync();
}

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("device-provisioning");
builder.AddPostgres(migrations);
builder.AddPostgresContext<DevicesDb>();
builder.AddMessaging(on => on.On<TenantQuotaChanged, ApplyTenantQuota>().On<DevicesSeen, MarkDevicesSeen>());
builder.AddIdempotency();
builder.AddMqtt();
builder.AddManufacturing();
builder.AddServiceKey();
builder.Services.AddHttpClient();
builder.Services.AddHostedService<RebuildQuotas>();
builder.Services.AddValidation();

var app = builder.Build();
app.UseServiceDefaults();
app.MapDevices();
app.MapMqtt();
app.MapReplication();
await app.RunAsync();
return 0;
