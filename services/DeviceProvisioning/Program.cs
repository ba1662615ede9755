using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.Identity;
using EasySmart.Contracts.Ingestion;
using EasySmart.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Commands;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.DeviceProvisioning.Quotas;
using EasySmart.DeviceProvisioning.Replication;
using EasySmart.DeviceProvisioning.Sessions;
using EasySmart.DeviceProvisioning.Tenants;
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
builder.AddMessaging(on => on.On<TenantQuotaChanged, ApplyTenantQuota>().On<DevicesSeen, MarkDevicesSeen>().On<TenantStatusChanged, ApplyTenantStatus>());
builder.AddIdempotency();
builder.AddMqtt();
builder.AddSessions();
builder.AddServiceKey();
builder.AddReplication();
builder.Services.AddValidation();

var app = builder.Build();
app.UseServiceDefaults();
app.MapDevices();
app.MapCommands();
app.MapMqtt();
app.MapReplication();
await app.RunAsync();
return 0;
