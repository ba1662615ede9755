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
    private const int Cases = 120;
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
        var series = await StoreAsync(@case);
        var numbers = @case.Readings.Where(r => r.Value is >= -1e300 and <= 1e300).Select(r => (r.Time, r.Value!.Value)).ToList();
        foreach (var question in @case.Questions)
        {
            using var answer = await series.Reader.GetAsync(Url(question, series), Cancellation);
            var text = await answer.Content.ReadAsStringAsync(Cancellation);
            try
            {
                Compare(question, numbers, answer.StatusCode, text);
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"{question}\n{Url(question, series)}\n{failure.Message}\n{text}", failure);
            }
        }
    }

    private static string Url(Question question, Series series)
    {
        var query = $"/telemetry/aggregate?slot=3&from={question.From:O}&to={question.To:O}&"
            + (question.ByLabel ? $"device_label={series.Label}" : $"device_id={series.Device}");
        foreach (var (name, value) in new (string, object?)[]
        {
            ("bucket", question.Bucket), ("points", question.Points), ("fill", question.Fill), ("tz", question.Zone),
            ("fn", question.Functions is { } functions ? string.Join(',', functions) : null),
        })
        {
            query += value is null ? "" : $"&{name}={value}";
        }

        return query;
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
                Assert.True(
                    difference <= (function is "min" or "max" or "count" or "first" or "last" && question.Fill != "linear" ? 0 : slack),
                    $"{function} at {model.Time:O}: {told} instead of {value:R}");
            }
        }
    }

    // As ingestion does it: the readings in time, their rollups, the late ones with their marks, and what has been rolled up again since.
    private async Task<Series> StoreAsync(RollupCase @case)
    {
        var (plant, stranger) = (new Plant(host), new Plant(host));
        var label = Plant.NewLabel();
        var device = await plant.AddDeviceAsync(label);
        var other = await plant.AddDeviceAsync();
        (Guid Tenant, Guid Device, short Slot)[] all = [(plant.Tenant, device, 3), (plant.Tenant, device, 4), (stranger.Tenant, device, 3), (plant.Tenant, other, 3)];
        // The same times in the other series, with other values; some of them have times of their own.
        var readings = @case.Readings.Concat(@case.Readings.Where((_, i) => i % 3 == 0).SelectMany(r => Enumerable.Range(1, RollupCase.OtherSeries)
            .Select(s => r with { Series = s, Value = r.Value + (1000 * s), Time = r.Time.AddSeconds(r.Time.Second % 2) }))).ToList();
        var isLate = readings.ToLookup(r => r.Arrival != Arrival.InTime && r.Time < @case.RolledUntil);
        var again = isLate[true].Where(r => r.Arrival == Arrival.LateAndRolledUpAgain).ToList();

        await using var batch = host.Ingestion.CreateBatch();
        batch.Add("UPDATE rollup_progress SET rolled_until = $1", @case.RolledUntil);
        AddReadings(isLate[false]);
        foreach (var each in all)
        {
            batch.Add("SELECT roll_up($1, $2, $3, $4, $5)", each.Tenant, each.Device, each.Slot, @case.Anchor.AddDays(-3), @case.RolledUntil);
        }

        AddReadings(isLate[true]);
        batch.Add("INSERT INTO rollups_due (tenant_id, device_id, slot, quarter) SELECT t, d, s, date_bin('15 minutes', q, 'epoch') FROM unnest($1, $2, $3, $4) u (t, d, s, q)", Columns(isLate[true]));
        if (again.Count > 0)
        {
            batch.Add("SELECT roll_up(t, d, s, q, q + interval '15 minutes') FROM (SELECT DISTINCT t, d, s, date_bin('15 minutes', q, 'epoch') AS q FROM unnest($1, $2, $3, $4) u (t, d, s, q)) AS once", Columns(again));
            batch.Add("DELETE FROM rollups_due WHERE (tenant_id, device_id, slot, quarter) IN (SELECT t, d, s, date_bin('15 minutes', q, 'epoch') FROM unnest($1, $2, $3, $4) u (t, d, s, q))", Columns(again));
        }

        await batch.ExecuteNonQueryAsync(Cancellation);
        return new Series(plant.Reader, device, label);

        object[] Columns(IEnumerable<StoredReading> which)
        {
            var list = which.ToList();
            return [list.ConvertAll(r => all[r.Series].Tenant), list.ConvertAll(r => all[r.Series].Device), list.ConvertAll(r => all[r.Series].Slot), list.ConvertAll(r => r.Time)];
        }

        void AddReadings(IEnumerable<StoredReading> which)
        {
            var list = which.ToList();
            batch.Add(
                """
                INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, payload, bytes)
                SELECT t, d, s, q, q, CASE WHEN p IS NULL THEN 1 ELSE 0 END, v, p::jsonb, 1 FROM unnest($1, $2, $3, $4, $5, $6) u (t, d, s, q, v, p)
                """,
                [.. Columns(list), list.ConvertAll(r => r.Value), list.ConvertAll(r => r.Value is not { } value ? "\"open\"" : r.AsJson ? $$"""{"value": {{value:R}}, "unit": "bar"}""" : null)]);
        }
    }

    private sealed record Series(HttpClient Reader, Guid Device, string Label);
}
