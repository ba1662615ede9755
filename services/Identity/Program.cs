using EasySmart.Contracts.Auditing;
using EasySmart.Identity;
using EasySmart.Identity.Accounts;
using EasySmart.Identity.Auditing;
using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Idempotency;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;

var migrations = new Migrations(typeof(Program).Assembly, "identity");
if (args is ["migrate"])
{
    return await migrations.RunAsync();
}

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("identity");
builder.AddPostgres(migrations);
builder.AddPostgresContext<IdentityDb>();
builder.AddMessaging(on => on.On<AuditRecorded, StoreAudit>());
builder.Services.AddValidation();
builder.AddIdempotency();
builder.AddServiceKey();
builder.AddAccounts();
builder.AddAudit();
if (Commands.Asked(args, builder.Services) is { } command)
{
    return await command(builder.Build());
}

var app = builder.Build();
app.UseServiceDefaults();
app.MapAccounts();
app.MapAudit();
await app.RunAsync();
return 0;
