using EasySmart.ServiceDefaults;
using EasySmart.ServiceDefaults.Postgres;
using EasySmart.TelemetryQuery;
using EasySmart.TelemetryQuery.Aggregates;
using EasySmart.TelemetryQuery.Export;
using EasySmart.TelemetryQuery.Limits;
using EasySmart.TelemetryQuery.Streams;
using EasySmart.TelemetryQuery.Values;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("telemetry-query");
// Its database is ingestion's: nothing to migrate here, and nothing that works without a caller.
builder.AddPostgres(migrations: null, callersOnly: true, Statements.Bound);
builder.AddQueryLimits();
builder.Services.AddHostedService<ViewsGate>();
builder.Services.AddAggregates();
builder.Services.AddSingleton<ExportCount>();
builder.Services.AddStreams();
builder.Services.AddValidation();

var app = builder.Build();
app.UseServiceDefaults();
app.MapTelemetry();
await app.RunAsync();
