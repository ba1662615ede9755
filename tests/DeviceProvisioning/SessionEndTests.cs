using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Sessions that committed changes owe an end.</summary>
public sealed class SessionEndTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly string _client = $"end-{Guid.NewGuid():N}";
    private readonly HttpClient _broker = host.Broker();

    [Fact]
    public async Task All_sessions_of_the_device_end_those_that_only_the_broker_knows_too()
    {
        var label = Calls.NewLabel();
        var (device, other) = (await host.DeviceAsync(_tenant, label), await host.DeviceAsync(_tenant));
        await _broker.ConnectedAsync(device, $"{_client}/ü?#+ known");
        await _broker.ConnectedAsync(other, $"{_client}-other");
        host.BrokerApi.Add($"{_client}-by-id", device.Id.ToString(), device);
        host.BrokerApi.Add($"{_client}-by-label", label, device);
        host.BrokerApi.Add($"{_client}-unnamed", label);
        // The label is another device's by now.
        host.BrokerApi.Add($"{_client}-others", label, other);
        await OweAsync(device, label: label);
        await PaidAsync();
        Assert.Equal(
            ["-by-id", "-by-label", "-unnamed", "/ü?#+ known"],
            host.BrokerApi.Ended.Where(id => id.StartsWith(_client, StringComparison.Ordinal)).Select(id => id[_client.Length..]).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(1L, await host.ScalarAsync<long>("SELECT count(*) FROM mqtt_sessions WHERE starts_with(client_id, $1) AND connected", _client));
    }

    [Fact]
    public async Task A_login_that_was_under_way_is_found_by_the_second_look()
    {
        var device = await host.DeviceAsync(_tenant);
        await OweAsync(device);
        await Eventually.TrueAsync(() => Task.FromResult(host.BrokerApi.Asked.Any(names => names.Contains(device.Id.ToString()))));
        Assert.NotEqual(0L, await PendingAsync());
        host.BrokerApi.Add(_client, device.Id.ToString(), device);
        await PaidAsync();
        Assert.Equal(1, host.BrokerApi.EndsOf(_client));
        Assert.Equal(2, host.BrokerApi.Asked.Count(names => names.Contains(device.Id.ToString())));
    }

    [Fact]
    public async Task Of_a_secret_only_its_sessions_end_and_not_before_it_is_due()
    {
        var device = await host.DeviceAsync(_tenant);
        var (old, kept) = (await host.CredentialAsync(device), Guid.CreateVersion7());
        await host.ScalarAsync<int>(
            "INSERT INTO credentials (id, device_id, tenant_id, secret_sha256) VALUES ($1, $2, $3, sha256('kept'))", kept, device.Id, _tenant);
        await _broker.TellAsync(BrokerCalls.Connected(device, $"{_client}-old", credential: old));
        await _broker.TellAsync(BrokerCalls.Connected(device, $"{_client}-kept", credential: kept));
        host.BrokerApi.Add($"{_client}-old-unknown", device.Id.ToString(), device, old);
        host.BrokerApi.Add($"{_client}-kept-unknown", device.Id.ToString(), device, kept);
        var later = await OweAsync(device, credential: kept, dueAt: DateTimeOffset.UtcNow.AddHours(1));
        await OweAsync(device, credential: old);
        await Eventually.TrueAsync(async () => await PendingAsync() == 1);
        Assert.True(host.BrokerApi.EndsOf($"{_client}-old") > 0 && host.BrokerApi.EndsOf($"{_client}-old-unknown") > 0);
        Assert.True(host.BrokerApi.EndsOf($"{_client}-kept") == 0 && host.BrokerApi.EndsOf($"{_client}-kept-unknown") == 0);
        await host.ScalarAsync<object>("UPDATE session_ends SET due_at = now() WHERE id = $1", later);
        await PaidAsync();
        Assert.True(host.BrokerApi.EndsOf($"{_client}-kept") > 0 && host.BrokerApi.EndsOf($"{_client}-kept-unknown") > 0);
    }

    [Fact]
    public async Task Of_a_tenant_all_sessions_end_and_no_others()
    {
        var devices = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => host.DeviceAsync(_tenant)));
        var stranger = await host.DeviceAsync(Guid.CreateVersion7());
        await Task.WhenAll(devices.Append(stranger).Select(device => _broker.ConnectedAsync(device, $"{_client}-{device.Id}")));
        await OweAsync(null);
        await PaidAsync();
        Assert.All(devices, device => Assert.True(host.BrokerApi.EndsOf($"{_client}-{device.Id}") > 0));
        Assert.Equal(0, host.BrokerApi.EndsOf($"{_client}-{stranger.Id}"));
    }

    [Fact]
    public async Task A_broker_that_fails_is_asked_again_and_keeps_no_other_waiting()
    {
        var (failing, other) = (await host.DeviceAsync(_tenant), await host.DeviceAsync(_tenant));
        await _broker.ConnectedAsync(failing, $"{_client}-failing");
        await _broker.ConnectedAsync(other, $"{_client}-other");
        host.BrokerApi.Fail($"{_client}-failing", int.MaxValue);
        await OweAsync(failing);
        await OweAsync(other);
        await Eventually.TrueAsync(async () => host.BrokerApi.EndsOf($"{_client}-other") > 0
            && await host.ScalarAsync<int>("SELECT max(failures) FROM session_ends WHERE tenant_id = $1", _tenant) >= 2);
        Assert.Equal(0, host.BrokerApi.EndsOf($"{_client}-failing"));
        host.BrokerApi.Fail($"{_client}-failing", 0);
        await PaidAsync();
        Assert.True(host.BrokerApi.EndsOf($"{_client}-failing") > 0);
    }

    [Fact]
    public async Task Sessions_that_cannot_be_ended_keep_their_tenants_others_not_alive()
    {
        var devices = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => host.DeviceAsync(_tenant)));
        await Task.WhenAll(devices.Select(device => _broker.ConnectedAsync(device, $"{_client}-{device.Id}")));
        var failing = devices.Take(16).Select(device => $"{_client}-{device.Id}").ToList();
        failing.ForEach(id => host.BrokerApi.Fail(id, int.MaxValue));
        await OweAsync(null);
        await Eventually.TrueAsync(async () =>
            await host.ScalarAsync<long>("SELECT count(*) FROM mqtt_sessions WHERE tenant_id = $1 AND connected", _tenant) == failing.Count);
        Assert.All(devices.Skip(16), device => Assert.Equal(1, host.BrokerApi.EndsOf($"{_client}-{device.Id}")));
        Assert.NotEqual(0L, await PendingAsync());
        failing.ForEach(id => host.BrokerApi.Fail(id, 0));
        await PaidAsync();
        Assert.All(failing, id => Assert.Equal(1, host.BrokerApi.EndsOf(id)));
    }

    [Fact]
    public async Task A_session_whose_client_was_away_ends_too_and_its_client_id_is_free()
    {
        var device = await host.DeviceAsync(_tenant);
        await _broker.ConnectedAsync(device, _client, expiry: 86_400);
        await _broker.DisconnectedAsync(device, _client);
        await OweAsync(device);
        await PaidAsync();
        Assert.True(host.BrokerApi.EndsOf(_client) > 0);
        Assert.Equal(1L, await host.ScalarAsync<long>("SELECT count(*) FROM mqtt_sessions WHERE client_id = $1 AND held_until IS NULL", _client));
    }

    private async Task<long> OweAsync(DeviceOf? device, Guid? credential = null, string? label = null, DateTimeOffset? dueAt = null) =>
        await host.ScalarAsync<long>(
            "INSERT INTO session_ends (tenant_id, device_id, credential_id, label, due_at) VALUES ($1, $2, $3, $4, $5) RETURNING id",
            _tenant, Or(device?.Id), Or(credential), label ?? (object)DBNull.Value, dueAt ?? DateTimeOffset.UtcNow);

    private static object Or(Guid? id) => id ?? (object)DBNull.Value;

    private Task<long> PendingAsync() => host.ScalarAsync<long>("SELECT count(*) FROM session_ends WHERE tenant_id = $1", _tenant);

    private Task PaidAsync() => Eventually.TrueAsync(async () => await PendingAsync() == 0);
}
