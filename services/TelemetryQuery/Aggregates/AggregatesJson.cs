using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http.Json;

namespace EasySmart.TelemetryQuery.Aggregates;

internal static class AggregatesJson
{
    public static void AddAggregates(this IServiceCollection services) => services.Configure<JsonOptions>(options =>
        options.SerializerOptions.TypeInfoResolver = options.SerializerOptions.TypeInfoResolver!.WithAddedModifier(AggregatePoint.OnlyAsked));
}
