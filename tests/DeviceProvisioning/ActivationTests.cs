using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Contracts.Ingestion;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>The first sign of life makes a device active, once.</summary>
public sealed class ActivationTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task The_first_login_makes_a_device_active_and_later_ones_change_nothing()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var before = await host.StateAsync(device.device_id);
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => host.Broker().LogInAsync(
            device.mqtt_username, device.device_secret, peerhost: "192.0.2.1")));
        var after = await host.StateAsync(device.device_id);
        Assert.Equal("active", after.GetProperty("status").GetString());
        Assert.True(after.GetProperty("version").GetInt64() > before.GetProperty("version").GetInt64());

        await host.Broker().LogInAsync(device.mqtt_username, device.device_secret);
        Assert.Equal(after.GetRawText(), (await host.StateAsync(device.device_id)).GetRawText());
        var changed = await host.Events.ExpectAsync<DeviceChanged>(e => e.DeviceId == device.device_id && e.Status == DeviceStatus.Active);
        Assert.Equal(after.GetProperty("version").GetInt64(), changed.Version);
        Assert.Equal((_tenant, device.device_label), (changed.TenantId, changed.DeviceLabel));
        var audit = await host.Events.ExpectAsync<AuditRecorded>(e => e.DeviceId == device.device_id && e.EventType == "device.activated");
        Assert.Equal(("device", "192.0.2.1", _tenant), (audit.ActorType, audit.IpAddress, audit.TenantId));
        await OutboxIsEmptyForAsync(device.device_id);
        Assert.Single(host.Events.All<DeviceChanged>(e => e.DeviceId == device.device_id && e.Status == DeviceStatus.Active));
    }

    [Fact]
    public async Task A_refused_login_makes_nothing_active()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        await host.Broker().LogInAsync(device.mqtt_username, "wrong");
        Assert.Equal("claimed", (await host.StateAsync(device.device_id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Readings_make_a_device_active_and_the_newest_time_stays()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var noon = new DateTimeOffset(2026, 2, 15, 12, 0, 0, TimeSpan.Zero);
        var entry = new SeenEntry(_tenant, device.device_id, noon);
        await SeenAsync(entry, entry with { SeenAt = noon.AddMinutes(2) }, entry with { SeenAt = noon.AddMinutes(1) });
        Assert.Equal(noon.AddMinutes(2), await LastSeenAsync(device));
        Assert.Equal("active", (await host.StateAsync(device.device_id)).GetProperty("status").GetString());
        var changed = await host.Events.ExpectAsync<DeviceChanged>(e => e.DeviceId == device.device_id && e.Status == DeviceStatus.Active);

        await SeenAsync(entry with { SeenAt = noon.AddMinutes(1) });
        Assert.Equal(noon.AddMinutes(2), await LastSeenAsync(device));
        await SeenAsync(entry with { SeenAt = noon.AddMinutes(3) });
        Assert.Equal(noon.AddMinutes(3), await LastSeenAsync(device));
        // Being seen again is nothing that replicas need to hear of.
        Assert.Equal(changed.Version, (await host.StateAsync(device.device_id)).GetProperty("version").GetInt64());
    }

    [Fact]
    public async Task A_device_of_another_tenant_or_of_nobody_is_left_alone()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        await SeenAsync(
            new SeenEntry(Guid.CreateVersion7(), device.device_id, DateTimeOffset.UtcNow),
            new SeenEntry(_tenant, Guid.CreateVersion7(), DateTimeOffset.UtcNow));
        Assert.Null(await LastSeenAsync(device));
        Assert.Equal("claimed", (await host.StateAsync(device.device_id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_suspended_device_that_was_seen_stays_suspended()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        await host.ScalarAsync<object>("UPDATE devices SET status = 'suspended' WHERE id = $1", device.device_id);
        await SeenAsync(new SeenEntry(_tenant, device.device_id, DateTimeOffset.UtcNow));
        Assert.NotNull(await LastSeenAsync(device));
        Assert.Equal("suspended", (await host.StateAsync(device.device_id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task An_event_that_comes_twice_takes_effect_once()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var seen = Seen(new SeenEntry(_tenant, device.device_id, DateTimeOffset.UtcNow));
        await DeliverAsync(seen);
        // Made claimed again by hand: a second effect would show.
        await host.ScalarAsync<object>("UPDATE devices SET status = 'claimed', last_seen_at = NULL WHERE id = $1", device.device_id);
        await host.Events.PublishAsync(seen);
        await DeliverAsync(Seen(new SeenEntry(_tenant, Guid.CreateVersion7(), DateTimeOffset.UtcNow)));
        await Eventually.TrueAsync(async () => await host.ScalarAsync<long>("SELECT count(*) FROM inbox WHERE event_id = $1", seen.EventId) == 1);
        Assert.Null(await LastSeenAsync(device));
    }

    [Fact]
    public async Task Many_events_about_the_same_devices_in_any_order_all_take_effect()
    {
        var devices = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => host.Installer(_tenant).ProvisionAsync()));
        var start = new DateTimeOffset(2026, 2, 15, 12, 0, 0, TimeSpan.Zero);
        var events = Enumerable.Range(0, 40).Select(minute => Seen([.. devices
            .OrderBy(_ => Random.Shared.Next())
            .Select(d => new SeenEntry(_tenant, d.device_id, start.AddMinutes(minute)))])).ToArray();
        await Task.WhenAll(events.Select(DeliverAsync));
        Assert.All(await Task.WhenAll(devices.Select(LastSeenAsync)), seen => Assert.Equal(start.AddMinutes(39), seen));
    }

    private static DevicesSeen Seen(params SeenEntry[] entries) => new() { OccurredAt = DateTimeOffset.UtcNow, Entries = entries };

    private Task SeenAsync(params SeenEntry[] entries) => DeliverAsync(Seen(entries));

    private async Task DeliverAsync(DevicesSeen seen)
    {
        await host.Events.PublishAsync(seen);
        await Eventually.TrueAsync(async () => await host.ScalarAsync<long>("SELECT count(*) FROM inbox WHERE event_id = $1", seen.EventId) == 1);
    }

    private Task OutboxIsEmptyForAsync(Guid device) => Eventually.TrueAsync(async () =>
        await host.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE key = $1", device.ToString()) == 0);

    private async Task<DateTimeOffset?> LastSeenAsync(ProvisionedDevice device) =>
        await host.ScalarAsync<DateTime>("SELECT last_seen_at FROM devices WHERE id = $1", device.device_id) is { Ticks: > 0 } at ? at : null;
}
