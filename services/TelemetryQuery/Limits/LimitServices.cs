namespace EasySmart.TelemetryQuery.Limits;

internal static class LimitServices
{
    public static void AddQueryLimits(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<QueryLimitOptions>().BindConfiguration(QueryLimitOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<QueryLimits>().AddSingleton<HeavyReads>().AddExceptionHandler<Statements>();
    }
}
