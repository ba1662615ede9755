using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Manufacturing;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EasySmart.DeviceProvisioning;

/// <summary>What import, claim, bootstrap and secret need.</summary>
public static class ManufacturingServices
{
    // The buffer of the firmware in the field, less the zero at its end.
    private const int MaxBrokerLength = 159;

    public static void AddManufacturing(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<ManufacturingOptions>().BindConfiguration("Manufacturing").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddOptions<MqttOptions>().Validate(
            mqtt => IsForFirmware(mqtt.WebSocketUrl),
            $"Mqtt:WebSocketUrl is ws:// or wss://, ends in /mqtt, and has at most {MaxBrokerLength} characters, none of which JSON escapes");
        builder.Services.AddSingleton<MasterKeys>();
        builder.Services.AddSingleton<ManufacturingMetrics>();
        builder.Services.TryAddSingleton<BcryptChecks>();
        builder.Services.AddScoped<Signers>();
        builder.Services.AddCleaning(
            new Outdated("DELETE FROM used_signatures WHERE expires_at < $1", TimeSpan.Zero),
            // A day without a try has forgiven these.
            new Outdated("DELETE FROM claim_attempts WHERE next_at < $1", TimeSpan.FromDays(2)));
    }

    private static bool IsForFirmware(string url) => url.Length <= MaxBrokerLength
        && (url.StartsWith("ws://", StringComparison.Ordinal) || url.StartsWith("wss://", StringComparison.Ordinal))
        && url.EndsWith("/mqtt", StringComparison.Ordinal)
        && url.All(c => char.IsAsciiLetterOrDigit(c) || "-._~:/?#[]@!$()*,;=%".Contains(c, StringComparison.Ordinal));
}
