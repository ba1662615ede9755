using System.Net;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>
/// What is left of a request that ended in the middle. The table of kept answers is locked, which holds a request at the point where the
/// device is made and the answer is not kept yet.
/// </summary>
public sealed class LostAnswerTests(LonelyHost host) : IClassFixture<LonelyHost>
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly Guid _user = Guid.CreateVersion7();
    private readonly string _key = Guid.NewGuid().ToString();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Client => host.Installer(_tenant, _user);

    [Fact]
    public async Task While_the_first_is_worked_on_a_second_is_told_to_come_back()
    {
        Task<HttpResponseMessage> first;
        await using (await HoldAnswersAsync())
        {
            first = Client.PostProvisionAsync(key: _key);
            await WorkingAsync();
            using var second = await Client.PostProvisionAsync(key: _key);
            await Envelope.AssertAsync(second, 409, "conflict");
            Assert.Equal(TimeSpan.FromSeconds(1), second.Headers.RetryAfter?.Delta);
        }

        Assert.Equal(HttpStatusCode.Created, (await first).StatusCode);
        Assert.Equal(await (await first).Content.ReadAsStringAsync(Cancellation), await ReplayAsync());
    }

    [Fact]
    public async Task A_crash_between_change_and_answer_leaves_neither()
    {
        await using (await HoldAnswersAsync())
        {
            var first = Client.PostProvisionAsync(key: _key);
            await WorkingAsync();
            await host.ScalarAsync<bool>($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {Working}");
            await Envelope.AssertAsync(await first, 503, "service_unavailable");
            Assert.Equal(0, await DevicesAsync());
        }

        var answer = await ReplayAsync();
        Assert.Equal(answer, await ReplayAsync());
        Assert.Equal(1, await DevicesAsync());
    }

    [Fact]
    public async Task A_client_that_goes_away_and_asks_again_gets_one_device()
    {
        await using (await HoldAnswersAsync())
        {
            using var gone = new CancellationTokenSource();
            using var request = new HttpRequestMessage(HttpMethod.Post, "/devices/provision") { Headers = { { "Idempotency-Key", _key } } };
            var first = Client.SendAsync(request, gone.Token);
            await WorkingAsync();
            await gone.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        }

        string? answer = null;
        await Eventually.TrueAsync(async () =>
        {
            // The first one's end may still be under way.
            using var again = await Client.PostAsync(_key);
            answer = await again.Content.ReadAsStringAsync(Cancellation);
            return again.StatusCode == HttpStatusCode.Created;
        });
        using var replay = await Client.PostAsync(_key);
        Assert.Equal(answer, await replay.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(1, await DevicesAsync());
    }

    private string Working => $"datname = '{host.Database.Name}' AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO idempotency_keys%'";

    private async Task<NpgsqlConnection> HoldAnswersAsync()
    {
        var connection = new NpgsqlConnection(host.Database.ForSuperuser() + ";Pooling=false");
        await connection.OpenAsync(Cancellation);
        await using var command = new NpgsqlCommand("BEGIN; LOCK TABLE idempotency_keys IN EXCLUSIVE MODE", connection);
        await command.ExecuteNonQueryAsync(Cancellation);
        return connection;
    }

    private Task WorkingAsync() => Eventually.TrueAsync(async () =>
        await host.ScalarAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE {Working}") == 1);

    private async Task<string> ReplayAsync()
    {
        using var answer = await Client.PostProvisionAsync(key: _key);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync(Cancellation);
    }

    private Task<long> DevicesAsync() => host.ScalarAsync<long>("SELECT count(*) FROM devices WHERE tenant_id = $1", _tenant);
}

file static class BareCalls
{
    public static Task<HttpResponseMessage> PostAsync(this HttpClient client, string key)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/devices/provision") { Headers = { { "Idempotency-Key", key } } };
        return client.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
