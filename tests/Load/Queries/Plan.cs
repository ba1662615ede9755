using System.Text.RegularExpressions;
using Npgsql;

namespace EasySmart.Load;

/// <summary>How PostgreSQL ran the service's own statement for a call, as the server logged it (auto_explain).</summary>
internal sealed partial record Plan(string Name, string Text)
{
    private const string Role = "telemetry_query";
    private const int MostAlike = 2;

    private static readonly string[] Settings =
    [
        "session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0", "auto_explain.log_analyze = on", "auto_explain.log_buffers = on",
    ];

    public static async Task<IReadOnlyList<Plan>> OfAsync(RunningFleet fleet, History history, CancellationToken cancellation)
    {
        Console.WriteLine("Plans");
        await using var server = NpgsqlDataSource.Create(
            $"Host=127.0.0.1;Port={fleet["EASYSMART_TELEMETRY_PORT"]};Database=postgres;Username=postgres;Password={fleet["TELEMETRY_SUPERUSER_PASSWORD"]}");
        await RunAsync(Settings.Select(setting => $"ALTER ROLE {Role} SET {setting}"));
        var plans = new List<Plan>();
        try
        {
            await RestartAsync(fleet, cancellation);
            using var reader = await history.Tenant.SignInAsync(fleet, cancellation);
            foreach (var call in Call.Of(history))
            {
                // The first time the tables' descriptions are read, too.
                await call.AskAsync(reader, cancellation);
                var log = new FileInfo(Path.Combine(fleet.State, "logs", "telemetry.log")).Length;
                await call.AskAsync(reader, cancellation);
                await Task.Delay(500, cancellation);
                plans.Add(new Plan(call.Name, await ReadAsync(fleet, log, cancellation)));
            }
        }
        finally
        {
            await RunAsync(Settings.Select(setting => $"ALTER ROLE {Role} RESET {setting.Split(' ')[0]}"));
            await RestartAsync(fleet, CancellationToken.None);
        }

        return plans;

        async Task RunAsync(IEnumerable<string> statements)
        {
            foreach (var statement in statements)
            {
                await using var command = server.CreateCommand(statement);
                await command.ExecuteNonQueryAsync(CancellationToken.None);
            }
        }
    }

    private static async Task RestartAsync(RunningFleet fleet, CancellationToken cancellation)
    {
        fleet.Supervise("restart", "telemetry-query");
        await fleet.ReadyAsync("telemetry-query", cancellation);
    }

    private static async Task<string> ReadAsync(RunningFleet fleet, long from, CancellationToken cancellation)
    {
        await using var log = File.OpenRead(Path.Combine(fleet.State, "logs", "telemetry.log"));
        log.Seek(from, SeekOrigin.Begin);
        using var text = new StreamReader(log);
        var (lines, plan, alike) = ((await text.ReadToEndAsync(cancellation)).Split('\n'), new List<string>(), new Dictionary<string, int>());
        var inPlan = false;
        foreach (var line in lines)
        {
            if (Entry().IsMatch(line))
            {
                // Of the readers' statements those on telemetry, not the one that sets the tenant.
                inPlan = line.Contains($"{Role}@", StringComparison.Ordinal) && line.Contains("plan:", StringComparison.Ordinal);
                alike.Clear();
                if (inPlan)
                {
                    plan.Add(line[line.IndexOf("duration:", StringComparison.Ordinal)..]);
                }
            }
            else if (inPlan && Node().IsMatch(line))
            {
                // Chunks of one table are read alike: a few stand for all.
                var kind = Chunk().Replace(Numbers().Replace(line, "#"), "chunk");
                if ((alike[kind] = alike.GetValueOrDefault(kind) + 1) <= MostAlike)
                {
                    plan.Add(line.TrimEnd().Replace("\t", "  ", StringComparison.Ordinal));
                }
            }
        }

        return string.Join('\n', plan);
    }

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")]
    private static partial Regex Entry();

    [GeneratedRegex(@"->|Append|Aggregate|Scan|Cond|Filter|Rows Removed|Heap Fetches|Buffers|Chunks|Sort|Hash|Nested")]
    private static partial Regex Node();

    [GeneratedRegex(@"_hyper_\S+")]
    private static partial Regex Chunk();

    [GeneratedRegex(@"\d+")]
    private static partial Regex Numbers();
}
