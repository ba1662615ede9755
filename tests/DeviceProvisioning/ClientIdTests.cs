using EasySmart.DeviceProvisioning.Mqtt;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>No device takes another's session over.</summary>
public sealed class ClientIdTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly FakeTimeProvider _clock = new();
    private readonly Guid _owner = Guid.CreateVersion7();
    private readonly Guid _other = Guid.CreateVersion7();

    [Fact]
    public async Task Who_logs_in_under_the_id_of_anothers_session_is_refused_and_the_same_device_is_not()
    {
        var (owner, other) = (await host.Installer(_tenant).ProvisionAsync(), await host.Installer(_tenant).ProvisionAsync());
        var (id, broker) = ($"id-{Guid.NewGuid()}", host.Broker());
        Assert.Equal("allow", await broker.ResultOfAsync(owner.mqtt_username, owner.device_secret, id));
        Assert.Equal("deny", await broker.ResultOfAsync(other.mqtt_username, other.device_secret, id));
        host.Services.GetRequiredService<ClientIds>().Connected(id, owner.device_id);
        Assert.Equal("deny", await broker.ResultOfAsync(other.mqtt_username, other.device_secret, id));
        Assert.Equal("allow", await broker.ResultOfAsync(owner.device_label, owner.device_secret, id));
        // Who is refused has taken nothing, and is not kept from any other id.
        Assert.Equal("allow", await broker.ResultOfAsync(other.mqtt_username, other.device_secret, id + "-2"));
    }

    [Fact]
    public async Task A_wrong_secret_takes_no_client_id()
    {
        var (owner, other) = (await host.Installer(_tenant).ProvisionAsync(), await host.Installer(_tenant).ProvisionAsync());
        var id = $"id-{Guid.NewGuid()}";
        Assert.Equal("deny", await host.Broker().ResultOfAsync(other.mqtt_username, owner.device_secret, id));
        Assert.Equal("allow", await host.Broker().ResultOfAsync(owner.mqtt_username, owner.device_secret, id));
    }

    [Fact]
    public void A_login_that_became_no_session_gives_the_id_back()
    {
        var ids = new ClientIds(_clock);
        Assert.True(ids.TryTake("c", _owner));
        Assert.False(ids.TryTake("c", _other));
        _clock.Advance(TimeSpan.FromSeconds(16));
        Assert.True(ids.TryTake("c", _other));
    }

    [Fact]
    public void A_session_keeps_its_id_while_it_is_connected_and_while_it_waits()
    {
        var ids = new ClientIds(_clock);
        ids.TryTake("c", _owner);
        ids.Connected("c", _owner);
        _clock.Advance(TimeSpan.FromDays(30));
        Assert.False(ids.TryTake("c", _other));

        ids.Disconnected("c", _owner, _clock.GetUtcNow().AddHours(2));
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.False(ids.TryTake("c", _other));
        _clock.Advance(TimeSpan.FromHours(2));
        Assert.True(ids.TryTake("c", _other));
    }

    [Fact]
    public void A_session_that_ended_with_its_connection_leaves_the_id_at_once()
    {
        var ids = new ClientIds(_clock);
        ids.Connected("c", _owner);
        ids.Disconnected("c", _owner, null);
        Assert.True(ids.TryTake("c", _other));
        // Told late, of the one who had it before.
        ids.Disconnected("c", _owner, null);
        ids.Connected("c", _other);
        ids.Disconnected("c", _owner, null);
        Assert.False(ids.TryTake("c", _owner));
    }

    [Fact]
    public void Who_just_logged_in_again_does_not_lose_the_id_to_the_end_of_its_last_session()
    {
        var ids = new ClientIds(_clock);
        ids.Connected("c", _owner);
        ids.TryTake("c", _owner);
        ids.Disconnected("c", _owner, null);
        Assert.False(ids.TryTake("c", _other));
        ids.Remove("c");
        Assert.False(ids.TryTake("c", _other));
        _clock.Advance(TimeSpan.FromSeconds(16));
        Assert.True(ids.TryTake("c", _other));
    }

    [Fact]
    public void Sessions_of_other_instances_count_and_what_is_loaded_is_all_there_is()
    {
        var ids = new ClientIds(_clock);
        ids.Apply("c", _owner, connected: true, heldUntil: null);
        Assert.False(ids.TryTake("c", _other));
        ids.Load([new HeldClientId("d", _owner, true, null), new HeldClientId("e", _owner, false, _clock.GetUtcNow().AddHours(1))]);
        Assert.True(ids.TryTake("c", _other));
        Assert.False(ids.TryTake("d", _other));
        Assert.False(ids.TryTake("e", _other));
    }

    [Fact]
    public void A_device_with_ever_new_ids_is_not_remembered_without_end_and_others_are()
    {
        var ids = new ClientIds(_clock);
        ids.TryTake("c", _owner);
        ids.Connected("d", _other);
        for (var i = 0; i < 10_000; i++)
        {
            Assert.True(ids.TryTake($"new-{i}", _other));
        }

        Assert.InRange(ids.Count, 3, 100);
        Assert.False(ids.TryTake("c", _other));
        Assert.False(ids.TryTake("d", _owner));
        Assert.False(ids.TryTake("new-9999", _owner));
    }

    [Fact]
    public void What_is_over_is_forgotten_in_time()
    {
        var ids = new ClientIds(_clock);
        for (var i = 0; i < 1000; i++)
        {
            ids.TryTake($"c-{i}", Guid.CreateVersion7());
        }

        _clock.Advance(TimeSpan.FromMinutes(1));
        ids.TryTake("last", _owner);
        Assert.Equal(1, ids.Count);
    }

    [Fact]
    public void An_empty_id_is_everybodys_and_one_that_is_too_long_nobodys()
    {
        var ids = new ClientIds(_clock);
        Assert.True(ids.TryTake("", _owner));
        Assert.True(ids.TryTake("", _other));
        Assert.True(ids.TryTake(new string('x', ClientIds.MaxLength), _owner));
        Assert.False(ids.TryTake(new string('x', ClientIds.MaxLength + 1), _owner));
    }
}
