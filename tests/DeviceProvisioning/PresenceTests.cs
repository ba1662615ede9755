using System.Net;
using EasySmart.Contracts.Auditing;
using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>What the broker tells of devices' sessions, and what is known of them then.</summary>
public sealed class PresenceTests(DevicesHost host)
{
    // Whole milliseconds, as the broker tells them.
    private static readonly DateTimeOffset T0 = DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.AddMinutes(-5).ToUnixTimeMilliseconds());

    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly string _clientId = $"presence-{Guid.NewGuid():N}";
    private readonly HttpClient _broker = host.Broker();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("192.0.2.7:51234", "192.0.2.7")]
    [InlineData("[2001:db8::1]:51234", "2001:db8::1")]
    [InlineData("2001:db8::1:51234", "2001:db8::1")]
    [InlineData("::ffff:192.0.2.8:51234", "192.0.2.8")]
    public async Task A_device_that_connects_is_online_and_was_seen_then_and_there(string peer, string address)
    {
        var device = await host.DeviceAsync(_tenant);
        var credential = await host.CredentialAsync(device);
        await _broker.TellAsync(BrokerCalls.Connected(device, _clientId, T0, 60, peer, credential: credential));
        Assert.Equal((true, T0, null), await SessionAsync());
        Assert.Equal(address, await host.ScalarAsync<string>("SELECT address FROM mqtt_sessions WHERE client_id = $1", _clientId));
        Assert.Equal(credential, await host.ScalarAsync<Guid>("SELECT credential_id FROM mqtt_sessions WHERE client_id = $1", _clientId));
        Assert.Equal(address, await host.ScalarAsync<string>("SELECT last_ip FROM devices WHERE id = $1", device.Id));
        Assert.Equal(T0.UtcDateTime, await host.ScalarAsync<DateTime>("SELECT last_seen_at FROM devices WHERE id = $1", device.Id));
    }

    [Fact]
    public async Task Being_seen_does_not_go_back_in_time()
    {
        var device = await host.DeviceAsync(_tenant);
        await host.ScalarAsync<object>("UPDATE devices SET last_seen_at = $1 WHERE id = $2", T0.AddMinutes(1), device.Id);
        await _broker.ConnectedAsync(device, _clientId, T0);
        Assert.Equal(T0.AddMinutes(1).UtcDateTime, await host.ScalarAsync<DateTime>("SELECT last_seen_at FROM devices WHERE id = $1", device.Id));
    }

    [Theory]
    [InlineData(0, "normal", false)]
    [InlineData(600, "normal", true)]
    [InlineData(600, "keepalive_timeout", true)]
    [InlineData(600, "kicked", false)]
    public async Task A_session_outlives_its_connection_for_as_long_as_the_connect_said(int expiry, string reason, bool held)
    {
        var device = await host.DeviceAsync(_tenant);
        await _broker.ConnectedAsync(device, _clientId, T0, expiry);
        await _broker.DisconnectedAsync(device, _clientId, T0.AddSeconds(1), reason);
        Assert.Equal((false, T0.AddSeconds(1), held ? T0.AddSeconds(1 + expiry) : null), await SessionAsync());
    }

    [Fact]
    public async Task A_session_that_never_expires_is_held_and_breaks_nothing()
    {
        var device = await host.DeviceAsync(_tenant);
        await _broker.TellAsync(new
        {
            @event = "client.connected",
            clientid = _clientId,
            client_attrs = device.Attributes(),
            expiry_interval = uint.MaxValue,
            timestamp = T0.ToUnixTimeMilliseconds(),
        });
        await _broker.DisconnectedAsync(device, _clientId, T0.AddSeconds(1));
        Assert.True((await SessionAsync()).HeldUntil > T0.AddYears(100));
    }

    [Theory]
    [InlineData("takenover")]
    [InlineData("discarded")]
    public async Task A_connection_that_a_new_one_replaced_ends_nothing(string reason)
    {
        var device = await host.DeviceAsync(_tenant);
        await _broker.ConnectedAsync(device, _clientId, T0.AddSeconds(1));
        await _broker.DisconnectedAsync(device, _clientId, T0.AddSeconds(2), reason);
        Assert.Equal((true, T0.AddSeconds(1), null), await SessionAsync());
    }

    [Fact]
    public async Task What_comes_late_changes_nothing()
    {
        var device = await host.DeviceAsync(_tenant);
        await _broker.ConnectedAsync(device, _clientId, T0.AddSeconds(2));
        await _broker.DisconnectedAsync(device, _clientId, T0.AddSeconds(1), "tcp_closed");
        Assert.Equal((true, T0.AddSeconds(2), null), await SessionAsync());
        await _broker.DisconnectedAsync(device, _clientId, T0.AddSeconds(3));
        await _broker.ConnectedAsync(device, _clientId, T0.AddSeconds(2));
        Assert.Equal((false, T0.AddSeconds(3), null), await SessionAsync());
    }

    [Fact]
    public async Task A_disconnect_that_is_faster_than_its_connect_counts()
    {
        var device = await host.DeviceAsync(_tenant);
        await _broker.DisconnectedAsync(device, _clientId, T0.AddSeconds(1));
        await _broker.ConnectedAsync(device, _clientId, T0);
        Assert.Equal((false, T0.AddSeconds(1), null), await SessionAsync());
    }

    [Fact]
    public async Task The_end_of_a_former_connection_is_not_the_end_of_the_present_one()
    {
        var device = await host.DeviceAsync(_tenant);
        await _broker.ConnectedAsync(device, _clientId, T0.AddSeconds(1));
        await _broker.TellAsync(BrokerCalls.Disconnected(device, _clientId, T0.AddSeconds(2), "tcp_closed", connectedAt: T0));
        Assert.Equal((true, T0.AddSeconds(1), null), await SessionAsync());
        await _broker.TellAsync(BrokerCalls.Disconnected(device, _clientId, T0.AddSeconds(3), "tcp_closed", connectedAt: T0.AddSeconds(1)));
        Assert.False((await SessionAsync()).Connected);
    }

    [Fact]
    public async Task Many_events_at_once_are_all_stored_and_each_session_ends_up_as_its_newest_says()
    {
        var devices = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => host.DeviceAsync(_tenant)));
        await Task.WhenAll(devices.SelectMany(device => Enumerable.Range(0, 20).SelectMany(i => new[]
        {
            _broker.ConnectedAsync(device, $"{_clientId}-{device.Id}", T0.AddSeconds(2 * i)),
            _broker.DisconnectedAsync(device, $"{_clientId}-{device.Id}", T0.AddSeconds(2 * i + 1), i % 2 == 0 ? "normal" : "discarded"),
            _broker.ConnectedAsync(device, $"{_clientId}-{device.Id}-{i}", T0.AddSeconds(i)),
        })));
        Assert.Equal(10L, await CountAsync("char_length(client_id) = char_length($1) + 37 AND connected AND changed_at = $2", T0.AddSeconds(38)));
        Assert.Equal(200L, await CountAsync("char_length(client_id) > char_length($1) + 37 AND connected AND changed_at <= $2", T0.AddSeconds(19)));

        Task<long> CountAsync(string which, DateTimeOffset at) =>
            host.ScalarAsync<long>($"SELECT count(*) FROM mqtt_sessions WHERE starts_with(client_id, $1) AND {which}", _clientId, at);
    }

    [Fact]
    public async Task What_is_not_about_a_device_is_taken_and_ignored()
    {
        var device = await host.DeviceAsync(_tenant);
        var at = T0.ToUnixTimeMilliseconds();
        await _broker.TellAsync(new { @event = "client.connected", clientid = "service/ingestion-1", username = "service/ingestion", timestamp = at });
        await _broker.TellAsync(new { @event = "client.connected", clientid = _clientId, client_attrs = new { }, timestamp = at });
        await _broker.TellAsync(new { @event = "client.connack", clientid = _clientId, client_attrs = device.Attributes(), timestamp = at });
        await _broker.TellAsync(BrokerCalls.Connected(device, "service/" + _clientId));
        await _broker.TellAsync(BrokerCalls.Connected(device, _clientId + "\0"));
        await _broker.TellAsync(BrokerCalls.Connected(device, _clientId + new string('x', 300)));
        Assert.Equal(0L, await host.ScalarAsync<long>("SELECT count(*) FROM mqtt_sessions WHERE strpos(client_id, $1) > 0", _clientId));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"event\": \"client.connected\"}")]
    [InlineData("{\"event\": \"client.connected\", \"clientid\": \"c\"}")]
    [InlineData("{\"event\": \"client.connected\", \"clientid\": \"c\", \"timestamp\": -1}")]
    [InlineData("{\"event\": \"client.connected\", \"clientid\": \"c\", \"timestamp\": 999999999999999999}")]
    [InlineData("{\"event\": \"client.connected\", \"clientid\": 7, \"timestamp\": 1}")]
    public async Task Garbage_is_400_so_that_it_is_not_told_again(string body) => await Envelope.AssertAsync(
        await _broker.PostAsync("/internal/mqtt/events", new StringContent(body, null, "application/json"), Cancellation), 400, "bad_request");

    [Fact]
    public async Task Only_the_broker_is_listened_to()
    {
        var told = BrokerCalls.Connected(await host.DeviceAsync(_tenant), _clientId);
        await Envelope.AssertAsync(await host.Direct().PostEventAsync(told), 401, "unauthorized");
        await Envelope.AssertAsync(await host.Operator(_tenant).PostEventAsync(told), 403, "forbidden");
    }

    [Theory]
    [InlineData("tenant_id = gen_random_uuid()")]
    [InlineData("status = 'suspended'")]
    public async Task A_session_that_began_while_its_device_was_shut_out_is_not_believed_and_ended(string change)
    {
        var device = await host.DeviceAsync(_tenant);
        await host.ScalarAsync<object>($"UPDATE devices SET {change} WHERE id = $1", device.Id);
        await _broker.ConnectedAsync(device, _clientId);
        Assert.False((await SessionAsync()).Connected);
        await Eventually.TrueAsync(() => Task.FromResult(host.BrokerApi.EndsOf(_clientId) == 1));
    }

    [Fact]
    public async Task Nor_one_that_began_with_a_secret_that_was_dead_by_then()
    {
        var device = await host.DeviceAsync(_tenant);
        await _broker.TellAsync(BrokerCalls.Connected(device, _clientId, credential: Guid.CreateVersion7()));
        Assert.False((await SessionAsync()).Connected);
        await Eventually.TrueAsync(() => Task.FromResult(host.BrokerApi.EndsOf(_clientId) == 1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_two_devices_that_got_in_under_one_client_id_the_second_is_put_out_and_it_is_told(bool firstIsConnected)
    {
        var (first, second) = (await host.DeviceAsync(_tenant), await host.DeviceAsync(Guid.CreateVersion7()));
        await _broker.ConnectedAsync(first, _clientId, T0, expiry: 3600);
        if (!firstIsConnected)
        {
            await _broker.DisconnectedAsync(first, _clientId, T0.AddSeconds(1));
        }

        await _broker.ConnectedAsync(second, _clientId, T0.AddSeconds(2));
        await Eventually.TrueAsync(() => Task.FromResult(host.BrokerApi.EndsOf(_clientId) == 1));
        var told = await host.Events.ExpectAsync<AuditRecorded>(e => e.EventType == "device.client_id_conflict" && e.DeviceId == second.Id);
        Assert.Equal(("warning", second.Tenant), (told.Severity, told.TenantId));
        Assert.DoesNotContain(first.Id.ToString(), told.Metadata!.Value.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_id_whose_session_is_over_may_be_anothers()
    {
        var (first, second) = (await host.DeviceAsync(_tenant), await host.DeviceAsync(_tenant));
        await _broker.ConnectedAsync(first, _clientId, T0, expiry: 3);
        await _broker.DisconnectedAsync(first, _clientId, T0.AddSeconds(1));
        await _broker.ConnectedAsync(second, _clientId, T0.AddSeconds(10));
        Assert.Equal((true, T0.AddSeconds(10), null), await SessionAsync());
        Assert.Equal(second.Id, await host.ScalarAsync<Guid>("SELECT device_id FROM mqtt_sessions WHERE client_id = $1", _clientId));
        Assert.Equal(0L, await host.ScalarAsync<long>("SELECT count(*) FROM session_ends WHERE client_id = $1", _clientId));
    }

    [Fact]
    public async Task Every_instance_knows_whose_a_client_id_is_also_one_that_starts_later()
    {
        var (device, other) = (await host.DeviceAsync(_tenant), Guid.CreateVersion7());
        await _broker.ConnectedAsync(device, _clientId, T0);
        var here = host.Services.GetRequiredService<ClientIds>();
        Assert.False(here.TryTake(_clientId, other));
        await using var later = await host.RestartedAsync();
        var there = later.Services.GetRequiredService<ClientIds>();
        await Eventually.TrueAsync(() => Task.FromResult(!there.TryTake(_clientId, other)));
        // The other instance hears of it, the first by what it wrote itself and by what that one wrote.
        await later.Broker().ConnectedAsync(device, _clientId + "2", T0);
        await Eventually.TrueAsync(() => Task.FromResult(!here.TryTake(_clientId + "2", other)));
        await _broker.DisconnectedAsync(device, _clientId, T0.AddSeconds(1));
        Assert.True(here.TryTake(_clientId, other));
        await Eventually.TrueAsync(() => Task.FromResult(there.TryTake(_clientId, other)));
    }

    private async Task<(bool Connected, DateTimeOffset ChangedAt, DateTimeOffset? HeldUntil)> SessionAsync()
    {
        await using var command = host.Superuser.CreateCommand("SELECT connected, changed_at, held_until FROM mqtt_sessions WHERE client_id = $1");
        command.Parameters.Add(new NpgsqlParameter { Value = _clientId });
        await using var reader = await command.ExecuteReaderAsync(Cancellation);
        Assert.True(await reader.ReadAsync(Cancellation));
        return (reader.GetBoolean(0), reader.GetFieldValue<DateTimeOffset>(1), reader.IsDBNull(2) ? null : reader.GetFieldValue<DateTimeOffset>(2));
    }
}

/// <summary>The broker's events while the database is away.</summary>
public sealed class PresenceOutageTests(LonelyHost host) : IClassFixture<LonelyHost>
{
    [Fact]
    public async Task An_event_that_cannot_be_stored_is_503_so_that_it_is_told_again()
    {
        var device = await host.DeviceAsync(Guid.CreateVersion7());
        var told = BrokerCalls.Connected(device, "outage");
        await host.Database.SetReachableAsync(false);
        try
        {
            var answer = await host.Broker().PostEventAsync(told);
            Assert.NotNull(answer.Headers.RetryAfter);
            await Envelope.AssertAsync(answer, 503, "service_unavailable");
        }
        finally
        {
            await host.Database.SetReachableAsync(true);
        }

        await Eventually.TrueAsync(async () =>
        {
            using var answer = await host.Broker().PostEventAsync(told);
            return answer.StatusCode == HttpStatusCode.NoContent;
        });
        // Eventually: the test's own connections broke too.
        await Eventually.TrueAsync(async () =>
            await host.ScalarAsync<long>("SELECT count(*) FROM mqtt_sessions WHERE client_id = 'outage' AND connected") == 1);
    }
}
