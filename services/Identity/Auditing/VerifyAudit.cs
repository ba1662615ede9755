using System.Globalization;
using Microsoft.Extensions.Logging.Console;

namespace EasySmart.Identity.Auditing;

/// <summary>
/// The command <c>audit-verify [tenant_id|platform]</c>: proves that no audit record was changed, removed or exchanged, or says at which
/// one. Needs <c>ConnectionStrings:DatabaseSystem</c> and nothing else.
/// </summary>
/// <remarks>
/// Who can write as the database's owner can rewrite a whole chain with its head and the heads published in the database. What he cannot
/// reach are the published heads in the logs and in the hands of whoever read <c>GET /audit/heads</c>: compare the hash printed here
/// for a head's position with one of those.
/// </remarks>
internal static class VerifyAudit
{
    public const string Name = "audit-verify";

    /// <summary>Leaves standard output to the answer, when this is the command.</summary>
    public static bool IsAsked(string[] args, IServiceCollection services)
    {
        if (args is not [Name, ..])
        {
            return false;
        }

        services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        return true;
    }

    /// <returns>The process's exit code: 0 when every chain is whole.</returns>
    public static async Task<int> VerifyAuditAsync(this WebApplication app, string? text)
    {
        var chain = default(Chain);
        if (text is not null && !Chain.TryRead(text, out chain))
        {
            await Console.Error.WriteLineAsync($"This is not a tenant's id. Usage: {Name} [tenant_id|{Chain.PlatformName}]");
            return 1;
        }

        var (chains, broken) = (0, 0);
        var walk = app.Services.GetRequiredService<ChainWalk>();
        await foreach (var report in walk.WalkAsync(text is null ? null : chain, app.Lifetime.ApplicationStopping))
        {
            chains++;
            broken += report.Break is null ? 0 : 1;
            await Console.Out.WriteLineAsync(Line(report));
        }

        await Console.Out.WriteLineAsync(broken == 0 ? $"{chains} whole, none broken" : $"{chains - broken} whole, {broken} BROKEN");
        return broken == 0 ? 0 : 1;
    }

    private static string Line(ChainReport report)
    {
        var head = report.Head is { } hash ? Convert.ToHexStringLower(hash) : "none";
        var erased = report.Erased == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {report.Erased} erased");
        return report.Break is { } wrong
            ? string.Create(CultureInfo.InvariantCulture, $"{report.Chain}: BROKEN after {report.Records} records: {wrong}")
            : string.Create(CultureInfo.InvariantCulture, $"{report.Chain}: {report.Records} records, head {report.Records} {head}{erased}");
    }
}
