using System.Net;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>What others hear of a new device, over RabbitMQ.</summary>
public sealed class EventTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly Guid _user = Guid.CreateVersion7();

    [Fact]
    public async Task Provisioning_is_told_to_replicas_to_people_and_to_the_audit()
    {
        var client = host.Installer(_tenant, _user, "ana@example.com");
        client.DefaultRequestHeaders.Add("X-Request-ID", "request-7");
        client.DefaultRequestHeaders.UserAgent.ParseAdd("tests/1");
        var device = await client.ProvisionAsync();

        var changed = await host.Events.ExpectAsync<DeviceChanged>(e => e.DeviceId == device.device_id);
        Assert.Equal((_tenant, device.device_label, DeviceStatus.Claimed), (changed.TenantId, changed.DeviceLabel, changed.Status));
        Assert.Equal("request-7", changed.RequestId);
        Assert.Equal(changed.Version, (await host.StateAsync(device.device_id)).GetProperty("version").GetInt64());

        var registered = await host.Events.ExpectAsync<DeviceRegistered>(e => e.DeviceId == device.device_id);
        Assert.Equal((_tenant, device.device_label, "provision"), (registered.TenantId, registered.DeviceLabel, registered.Source));
        Assert.Equal((_user, "ana@example.com", DeviceStatus.Claimed), (registered.UserId, registered.UserEmail, registered.Status));
        Assert.Equal("request-7", registered.RequestId);

        var audit = await host.Events.ExpectAsync<AuditRecorded>(e => e.DeviceId == device.device_id);
        Assert.Equal(("device.provisioned", "device", "create", "success"), (audit.EventType, audit.EventCategory, audit.Action, audit.Result));
        Assert.Equal((_tenant, _user), (audit.TenantId, audit.UserId));
        Assert.Equal(("user", _user.ToString()), (audit.ActorType, audit.ActorId));
        Assert.Equal(("device", device.device_id.ToString()), (audit.ResourceType, audit.ResourceId));
        Assert.Equal(("203.0.113.7", "tests/1", "request-7"), (audit.IpAddress, audit.UserAgent, audit.RequestId));
        Assert.Equal(device.device_label, audit.Metadata!.Value.GetProperty("device_label").GetString());
    }

    [Fact]
    public async Task A_refused_label_is_told_to_nobody()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        using var refused = await host.Installer(_tenant).PostProvisionAsync(device.device_label);
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        // What comes after it in the outbox has arrived, so what was before it has too.
        var next = await host.Installer(_tenant).ProvisionAsync();
        await host.Events.ExpectAsync<DeviceRegistered>(e => e.DeviceId == next.device_id);
        Assert.Equal(2, host.Events.All<DeviceRegistered>(e => e.TenantId == _tenant).Count);
    }
}
