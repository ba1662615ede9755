namespace EasySmart.TelemetryQuery.Streams;

/// <summary>The parts of the live stream.</summary>
internal static class StreamServices
{
    public static void AddStreams(this IServiceCollection services)
    {
        services.AddSingleton<StreamMetrics>();
        services.AddSingleton<StoredReadings>();
        services.AddSingleton<StreamHub>();
        services.AddHostedService<AnnouncementListener>();
    }
}
