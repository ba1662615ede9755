using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace EasySmart.ServiceDefaults.Telemetry;

/// <summary>Metrics as Prometheus text at <c>/metrics</c>; metrics, traces and logs by OTLP when <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set.</summary>
internal static class Observability
{
    /// <summary>Meters and sources of our own start with this.</summary>
    internal const string OwnPrefix = "EasySmart.*";

    internal static void Add(IHostApplicationBuilder builder, string service)
    {
        builder.Logging.AddOtlpLogs();
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(service))
            .WithMetrics(metrics => metrics
                .AddAspNetCoreInstrumentation()
                .AddHttpClientInstrumentation()
                .AddRuntimeInstrumentation()
                .AddMeter("Npgsql", "MassTransit", OwnPrefix)
                .AddPrometheusExporter())
            .WithTracing(tracing => tracing
                .AddAspNetCoreInstrumentation(options => options.Filter = context => !IsProbe(context.Request.Path))
                .AddHttpClientInstrumentation()
                .AddNpgsql()
                .AddSource("MassTransit", OwnPrefix));
        if (!string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            telemetry.UseOtlpExporter();
        }
    }

    internal static void Map(WebApplication app)
    {
        var metrics = app.MapPrometheusScrapingEndpoint("/metrics").AllowAnonymous().DisableHttpMetrics();
        app.Services.GetRequiredService<MetricsAccess>().Guard(metrics);
    }

    private static bool IsProbe(Microsoft.AspNetCore.Http.PathString path) => path.StartsWithSegments("/health") || path.StartsWithSegments("/metrics");

    private static void AddOtlpLogs(this Microsoft.Extensions.Logging.ILoggingBuilder logging) =>
        Microsoft.Extensions.Logging.OpenTelemetryLoggingExtensions.AddOpenTelemetry(logging, options =>
        {
            options.IncludeFormattedMessage = true;
            options.IncludeScopes = true;
        });
}
