using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>What is known of sessions is compared with the broker's own list.</summary>
public sealed class ReconciliationTests(ReconciliationTests.ListedHost host) : IClassFixture<ReconciliationTests.ListedHost>
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly string _client = $"list-{Guid.NewGuid():N}";

    [Fact]
    public async Task A_session_that_the_broker_has_no_more_is_over()
    {
        var device = await host.DeviceAsync(_tenant);
        await host.Broker().ConnectedAsync(device, $"{_client}-gone", expiry: 3600);
        await host.Broker().ConnectedAsync(device, $"{_client}-away", expiry: 3600);
        await host.Broker().DisconnectedAsync(device, $"{_client}-away");
        host.BrokerApi.Add($"{_client}-there", device.Id.ToString(), device);
        await host.Broker().ConnectedAsync(device, $"{_client}-there");
        await Eventually.TrueAsync(async () => await CountAsync("NOT connected AND held_until IS NULL") == 2);
        Assert.Equal(1L, await CountAsync("connected"));
        Assert.Equal($"{_client}-there", await host.ScalarAsync<string>("SELECT client_id FROM mqtt_sessions WHERE device_id = $1 AND connected", device.Id));
    }

    [Fact]
    public async Task A_session_that_slips_through_between_two_pages_lives()
    {
        var device = await host.DeviceAsync(_tenant);
        host.BrokerApi.Add($"{_client}-there", device.Id.ToString(), device);
        await host.Broker().ConnectedAsync(device, $"{_client}-there");
        host.BrokerApi.SlipOnce($"{_client}-there");
        await Eventually.TrueAsync(() => Task.FromResult(!host.BrokerApi.WillSlip($"{_client}-there")));
        // Missed from now on, and over when the comparison after that list is done too.
        await host.Broker().ConnectedAsync(device, $"{_client}-gone");
        await Eventually.TrueAsync(async () => await CountAsync("NOT connected") > 0);
        Assert.Equal($"{_client}-there", await host.ScalarAsync<string>("SELECT client_id FROM mqtt_sessions WHERE device_id = $1 AND connected", device.Id));
    }

    [Fact]
    public async Task A_session_that_nobody_told_of_is_there()
    {
        var label = Calls.NewLabel();
        var (named, unnamed) = (await host.DeviceAsync(_tenant), await host.DeviceAsync(_tenant, label));
        var (at, credential) = (DateTimeOffset.UtcNow.AddMinutes(-1), await host.CredentialAsync(named));
        host.BrokerApi.Add($"{_client}-1", named.Id.ToString(), named, credential, at, address: "192.0.2.77");
        host.BrokerApi.Add($"{_client}-2", unnamed.Id.ToString(), connectedAt: at);
        host.BrokerApi.Add($"{_client}-3", label, connectedAt: at);
        host.BrokerApi.Add($"{_client}-4", named.Id.ToString(), named, null, at, connected: false, disconnectedAt: at.AddSeconds(1), expiry: 3600);
        host.BrokerApi.Add($"service/{_client}", "service/ingestion");
        host.BrokerApi.Add($"{_client}-stranger", "stranger");
        await Eventually.TrueAsync(async () => await CountAsync("connected") == 3 && await CountAsync("held_until > now()") == 1);
        Assert.Equal(2L, await CountAsync("connected AND device_id = '" + unnamed.Id + "'"));
        Assert.Equal(1L, await CountAsync($"credential_id = '{credential}' AND address = '192.0.2.77'"));
        Assert.Equal("192.0.2.77", await host.ScalarAsync<string>("SELECT last_ip FROM devices WHERE id = $1", named.Id));
        Assert.Equal(0L, await host.ScalarAsync<long>("SELECT count(*) FROM mqtt_sessions WHERE client_id IN ($1, $2)", $"service/{_client}", $"{_client}-stranger"));
    }

    [Fact]
    public async Task What_was_missed_of_a_known_session_is_made_up_for()
    {
        var device = await host.DeviceAsync(_tenant);
        var at = DateTimeOffset.UtcNow.AddMinutes(-1);
        host.BrokerApi.Add($"{_client}-back", device.Id.ToString(), device, null, at.AddSeconds(2));
        host.BrokerApi.Add($"{_client}-left", device.Id.ToString(), device, null, at, connected: false, disconnectedAt: at.AddSeconds(2), expiry: 3600);
        await host.Broker().ConnectedAsync(device, $"{_client}-back", at);
        await host.Broker().DisconnectedAsync(device, $"{_client}-back", at.AddSeconds(1));
        await host.Broker().ConnectedAsync(device, $"{_client}-left", at);
        await Eventually.TrueAsync(async () =>
            await CountAsync($"client_id = '{_client}-back' AND connected") == 1 && await CountAsync($"client_id = '{_client}-left' AND held_until > now()") == 1);
    }

    [Fact]
    public async Task Rows_of_sessions_that_are_long_over_go()
    {
        var device = await host.DeviceAsync(_tenant);
        await host.Broker().ConnectedAsync(device, _client, DateTimeOffset.UtcNow.AddHours(-2));
        await Eventually.TrueAsync(async () => await CountAsync("true") == 0);
    }

    private Task<long> CountAsync(string which) => host.ScalarAsync<long>($"SELECT count(*) FROM mqtt_sessions WHERE tenant_id = $1 AND {which}", _tenant);

    /// <summary>A service that compares each second with a broker that tells everything.</summary>
    public sealed class ListedHost : LonelyHost
    {
        public ListedHost() => BrokerApi = new TestBrokerApi { ListsAll = true };

        protected override async Task PrepareAsync()
        {
            await base.PrepareAsync();
            Settings["BrokerApi:ReconcileEvery"] = "00:00:01";
        }
    }
}
