using System.Net;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace EasySmart.ServiceDefaults.Tests;

/// <summary>Whatever way a handler works in, its changes and the kept answer are there together or not at all.</summary>
[Collection("RabbitMQ is cut off here")]
public sealed class IdempotencyTests(SampleService sample)
{
    private readonly Guid _tenant = Guid.NewGuid();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/notes?way=make", 201, 1, true)]
    [InlineData("/notes?way=second try", 201, 1, true)]
    [InlineData("/plain-notes?way=plain", 201, 1, true)]
    [InlineData("/notes?way=refuse", 409, 0, false)]
    [InlineData("/notes?way=record and refuse", 409, 1, false)]
    [InlineData("/notes?way=throw", 500, 0, false)]
    public async Task A_way_to_work(string path, int status, long notes, bool kept)
    {
        // A super-admin names the tenant in the path; this caller has it.
        path = path.Replace(" ", "%20", StringComparison.Ordinal) + $"&tenant_id={_tenant}";
        var client = sample.As(_tenant);
        client.DefaultRequestHeaders.Add("Idempotency-Key", "one");
        using var first = await client.PostAsync(path, null, Cancellation);
        Assert.Equal(status, (int)first.StatusCode);
        Assert.Equal(notes, await CountAsync("notes"));
        Assert.Equal(kept ? 1 : 0, await CountAsync("idempotency_keys"));

        using var second = await client.PostAsync(path, null, Cancellation);
        Assert.Equal(status, (int)second.StatusCode);
        Assert.Equal(kept ? notes : 2 * notes, await CountAsync("notes"));
        if (kept)
        {
            Assert.Equal(first.Headers.Location, second.Headers.Location);
            Assert.Equal(await first.Content.ReadAsStringAsync(Cancellation), await second.Content.ReadAsStringAsync(Cancellation));
        }
        else
        {
            await Envelope.AssertAsync(second, status, status == 409 ? "conflict" : "internal_error");
        }
    }

    [Fact]
    public async Task Expired_answers_are_forgotten()
    {
        var client = sample.As(_tenant);
        client.DefaultRequestHeaders.Add("Idempotency-Key", "one");
        using var answer = await client.PostAsync("/notes?way=make", null, Cancellation);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);

        await using var system = NpgsqlDataSource.Create(sample.Database.For("notifier_system"));
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        // These alone: this clock is not the other tests'.
        var answers = sample.App.Services.GetServices<Outdated>().Where(rows => rows.Sql.Contains("idempotency_keys", StringComparison.Ordinal));
        using var cleaner = new Cleaner(answers, system, clock, NullLogger<Cleaner>.Instance);
        await cleaner.StartAsync(Cancellation);
        await Eventually.TrueAsync(async () =>
        {
            clock.Advance(TimeSpan.FromHours(1));
            return await CountAsync("idempotency_keys") == 0;
        });
        Assert.True(clock.GetUtcNow() - DateTimeOffset.UtcNow > TimeSpan.FromHours(23.9));
        await ((IHostedService)cleaner).StopAsync(Cancellation);
    }

    private async Task<long> CountAsync(string table)
    {
        await using var superuser = NpgsqlDataSource.Create(sample.Database.ForSuperuser());
        await using var command = superuser.CreateCommand($"SELECT count(*) FROM {table} WHERE tenant_id = $1");
        command.Parameters.Add(new() { Value = _tenant });
        return (long)(await command.ExecuteScalarAsync(Cancellation))!;
    }
}
