using EasySmart.DeviceProvisioning;
using EasySmart.ServiceDefaults;
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
builder.AddDevices();
builder.Services.AddValidation();

var app = builder.Build();
app.UseServiceDefaults();
app.MapDevicesAndBroker();
await app.RunAsync();
return 0;
