using System.Globalization;
using System.Net;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace EasySmart.TelemetryQuery.Tests.Aggregates;

/// <summary>The service on a database of its own, where a test alone says how far the rollups are.</summary>
public sealed class RollupsHost : QueryHost;

/// <summary>
/// Every aggregate against a plain model, over generated readings, rollups, late readings and questions. A failure prints the seed, with
/// which <c>EASYSMART_FSCHECK_SEED</c> repeats the run.
/// </summary>
public sealed class AggregatePropertyTests(RollupsHost host, ITestOutputHelper output) : IClassFixture<RollupsHost>
{
    private const int Cases = 100;
    private static readonly string[] s_order = ["time", "avg", "min", "max", "sum", "count", "first", "last", "p95"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answers_are_those_of_the_plain_model()
    {
        var seed = Environment.GetEnvironmentVariable("EASYSMART_FSCHECK_SEED") is { Length: > 0 } text
            ? ulong.Parse(text, CultureInfo.InvariantCulture)
            : (ulong)Random.Shared.NextInt64();
        output.WriteLine($"EASYSMART_FSCHECK_SEED={seed}");
        var config = Config.QuickThrowOnFailure.WithMaxTest(Cases).WithReplay(new FSharpOption<Replay>(new Replay(new Rnd(seed), FSharpOption<int>.None)));
        var property = Prop.ForAll(RollupCase.Any, @case =>
        {
            try
            {
                CheckAsync(@case).GetAwaiter().GetResult();
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"EASYSMART_FSCHECK_SEED={seed}: {failure.Message}", failure);
            }
        });
        // FsCheck calls and waits; not on a thread of the test runner's.
        await Task.Factory.StartNew(() => Check.One(config, property), Cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private async Task CheckAsync(RollupCase @case)
    {
        var series = await RollupSeries.StoreAsync(host, @case);
        var numbers = @case.Readings.Where(r => r.Value is >= -1e300 and <= 1e300).Select(r => (r.Time, r.Value!.Value)).ToList();
        foreach (var question in @case.Questions)
        {
            using var answer = await series.Reader.GetAsync(series.Url(question), Cancellation);
            var text = await answer.Content.ReadAsStringAsync(Cancellation);
            try
            {
                Compare(question, numbers, answer.StatusCode, text);
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"{question}\n{series.Url(question)}\n{failure.Message}\n{text}", failure);
            }
        }
    }

    private static void Compare(Question question, List<(DateTime, double)> numbers, HttpStatusCode status, string text)
    {
        var (name, buckets) = PlainModel.Buckets(question);
        if (buckets.Count > 5_000)
        {
            Assert.Equal(HttpStatusCode.BadRequest, status);
            return;
        }

        Assert.Equal(HttpStatusCode.OK, status);
        var answer = JsonSerializer.Deserialize<JsonElement>(text);
        Assert.Equal(name, answer.GetProperty("bucket").GetString());
        Assert.Equal(question.From, answer.GetProperty("from").GetDateTime().ToUniversalTime());
        Assert.Equal(question.To, answer.GetProperty("to").GetDateTime().ToUniversalTime());
        var expected = PlainModel.Points(question, buckets, numbers);
        var points = answer.GetProperty("points").EnumerateArray().ToList();
        Assert.Equal(expected.Select(p => p.Time), points.Select(p => p.GetProperty("time").GetDateTime().ToUniversalTime()));
        // Sums depend on the order of their summands by as much as the greatest of these allows.
        var slack = 1e-12 * (1 + numbers.Select(n => Math.Abs(n.Item2)).DefaultIfEmpty().Max()) * (1 + numbers.Count);
        foreach (var (model, point) in expected.Zip(points))
        {
            Assert.Equal(s_order.Where(f => f == "time" || model.Values.ContainsKey(f)), point.EnumerateObject().Select(p => p.Name));
            foreach (var (function, value) in model.Values)
            {
                var told = point.GetProperty(function);
                if (value is null || told.ValueKind == JsonValueKind.Null)
                {
                    Assert.True(value is null && told.ValueKind == JsonValueKind.Null, $"{function} at {model.Time:O}: {told} instead of {value}");
                    continue;
                }

                var difference = Math.Abs(told.GetDouble() - value.Value);
                var exact = function is "min" or "max" or "count" or "first" or "last" && question.Fill != "linear";
                Assert.True(
                    difference <= (exact ? 0 : slack),
                    $"{function} at {model.Time:O}: {told} instead of {value:R}");
            }
        }
    }
}
