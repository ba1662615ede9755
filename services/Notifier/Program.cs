using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Contracts.Identity;
using EasySmart.Notifier.Notifications;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;

var migrations = new Migrations(typeof(Program).Assembly, "notifier");
if (args is ["migrate"])
{
    return await migrations.RunAsync();
}

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("notifier");
builder.AddPostgres(migrations);
builder.AddMessaging(on => on
    .On<UserRegistered, NotifyUserRegistered>()
    .On<DeviceRegistered, NotifyDeviceRegistered>());
// Looked up now, so that a system without time zone data says so at start and not with the first message.
builder.Services.AddSingleton(TimeZoneInfo.FindSystemTimeZoneById("America/Sao_Paulo"));
builder.Services.AddSingleton<NotificationLog>();

var app = builder.Build();
app.UseServiceDefaults();
await app.RunAsync();
return 0;
