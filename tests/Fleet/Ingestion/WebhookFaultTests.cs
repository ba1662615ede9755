using System.Net;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>What the webhook answered 200 is stored exactly once, and what it answered 503 at most once, whoever behind it dies or is away.</summary>
[Collection("Servers are killed here")]
public sealed class WebhookFaultTests(ITestOutputHelper output)
{
    [Fact]
    public async Task The_database_is_down_and_ingestion_is_killed()
    {
        await using var sink = new Sink();
        await using var traffic = await Traffic.StartByHttpAsync(sink);
        var callers = traffic.Sources.Cast<NumberedCaller>().ToArray();
        await traffic.StoredMoreAsync(500);
        await using (await Fleet.StoppedAsync("telemetry"))
        {
            await Eventually.TrueAsync(() => Task.FromResult(callers.All(caller => caller.Answers.GetValueOrDefault((HttpStatusCode.ServiceUnavailable, true)) > 500)), seconds: 120);
        }

        await Eventually.TrueAsync(() => Fleet.IsReadyAsync("telemetry"), seconds: 120);
        await traffic.StoredMoreAsync(500);
        await Fleet.KillAsync("ingestion");
        await traffic.StoredMoreAsync(500);
        await traffic.EndsExactAsync();
        var answers = callers.SelectMany(caller => caller.Answers).GroupBy(answer => answer.Key, answer => answer.Value).ToDictionary(group => group.Key, group => group.Sum());
        output.WriteLine(string.Join(", ", answers.Select(answer => $"{answer.Key}: {answer.Value}")));
        Assert.Subset(new HashSet<(HttpStatusCode, bool)> { (HttpStatusCode.OK, false), (HttpStatusCode.ServiceUnavailable, true) }, answers.Keys.ToHashSet());
    }
}
