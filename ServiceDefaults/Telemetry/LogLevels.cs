using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;

namespace EasySmart.ServiceDefaults.Telemetry;

/// <summary>What is worth a line in the log, where configuration says nothing else (<c>Logging:LogLevel:…</c>).</summary>
internal static class LogLevels
{
    private static readonly Dictionary<string, string?> Defaults = new()
    {
        ["Logging:LogLevel:Default"] = "Information",
        // Otherwise every request, forwarded request and SQL statement is a line or two.
        ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
        ["Logging:LogLevel:System.Net.Http"] = "Warning",
        ["Logging:LogLevel:Yarp"] = "Warning",
        ["Logging:LogLevel:Npgsql"] = "Warning",
        ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = "Warning",
        // A unique constraint that decides a race is an answer, not an error; a real failure is logged where the request fails.
        ["Logging:LogLevel:Microsoft.EntityFrameworkCore.Database.Command"] = "Critical",
        ["Logging:LogLevel:Microsoft.EntityFrameworkCore.Update"] = "Critical",
    };

    // First among the sources, so that every other overrides it.
    internal static void Add(IConfigurationBuilder configuration) =>
        configuration.Sources.Insert(0, new MemoryConfigurationSource { InitialData = Defaults });
}
