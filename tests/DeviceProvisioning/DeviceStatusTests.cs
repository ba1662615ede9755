using System.Net;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Shut out for a while, let in again, shut out for good, and gone.</summary>
public sealed class DeviceStatusTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly HttpClient _broker = host.Broker();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Client => host.Admin(_tenant);

    [Theory]
    [InlineData(false, "claimed")]
    [InlineData(true, "active")]
    public async Task A_suspended_device_is_out_at_once_and_resumed_to_where_it_was(bool seen, string status)
    {
        var device = await Client.ProvisionAsync();
        if (seen)
        {
            Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
        }

        for (var i = 0; i < 2; i++)
        {
            Assert.Equal("suspended", Status(await Client.ActAsync(device.device_id, "suspend").OkAsync()));
            Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
            Assert.Equal("deny", await _broker.ResultOfAsync(device.device_label, device.device_secret));
        }

        // Doing it again does nothing: one end of its sessions, one word to the replicas.
        Assert.Equal(1, await host.SessionEndsAsync(device.device_id));
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(status, Status(await Client.ActAsync(device.device_id, "resume").OkAsync()));
        }

        Assert.Equal("allow", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
        var told = await Eventually.GetAsync(() => Task.FromResult(
            host.Events.All<DeviceChanged>(e => e.DeviceId == device.device_id) is { Count: 4 } all ? all : null));
        Assert.Equal(told.Select(e => e.Version).Order(), told.Select(e => e.Version));
        DeviceStatus[] expected = seen
            ? [DeviceStatus.Claimed, DeviceStatus.Active, DeviceStatus.Suspended, DeviceStatus.Active]
            : [DeviceStatus.Claimed, DeviceStatus.Suspended, DeviceStatus.Claimed, DeviceStatus.Active];
        Assert.Equal(expected, told.Select(e => e.Status));
        await AuditedAsync(device.device_id, "device.suspended", "suspend");
        await AuditedAsync(device.device_id, "device.resumed", "resume");
    }

    [Fact]
    public async Task A_revoked_device_stays_out_and_can_only_be_deleted()
    {
        var device = await Client.ProvisionAsync();
        await Client.ActAsync(device.device_id, "suspend").OkAsync();
        Assert.Equal("revoked", Status(await Client.ActAsync(device.device_id, "revoke").OkAsync()));
        Assert.Equal("revoked", Status(await Client.ActAsync(device.device_id, "revoke").OkAsync()));
        Assert.Equal(2, await host.SessionEndsAsync(device.device_id));
        Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
        foreach (var action in new[] { "suspend", "resume", "credentials/rotate" })
        {
            await Envelope.AssertAsync(await Client.ActAsync(device.device_id, action), 409, "conflict");
        }

        await Envelope.AssertAsync(await Client.ResetAsync(device.device_id), 409, "conflict");
        Assert.Equal("revoked", Status(await Client.ViewAsync(device.device_id)));
        await AuditedAsync(device.device_id, "device.revoked", "revoke");
        using var deleted = await Client.DeleteAsync(device.device_id);
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
    }

    [Fact]
    public async Task A_deleted_device_is_gone_with_all_that_was_its_and_replicas_hear_of_it()
    {
        var device = await Client.ProvisionAsync(Calls.NewLabel());
        await host.ScalarAsync<int>(
            "INSERT INTO registry (device_id, claim_code_sha256, imported_at) VALUES ($1, sha256('code'), now())", device.device_id);
        await host.ScalarAsync<int>("INSERT INTO claim_attempts VALUES ($1, $2, 1, now())", _tenant, device.device_id);
        await host.ScalarAsync<int>(
            """
            INSERT INTO commands (id, tenant_id, device_id, name, state, created_at, expires_at)
            VALUES (gen_random_uuid(), $1, $2, 'reboot', 'queued', now(), now())
            """,
            _tenant, device.device_id);
        var version = (await host.StateAsync(device.device_id)).GetProperty("version").GetInt64();
        using (var deleted = await Client.DeleteAsync(device.device_id))
        {
            Assert.Equal((HttpStatusCode.NoContent, ""), (deleted.StatusCode, await deleted.Content.ReadAsStringAsync(Cancellation)));
        }

        Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
        Assert.Equal(1, await host.SessionEndsAsync(device.device_id));
        foreach (var table in new[] { "credentials", "registry", "claim_attempts", "commands" })
        {
            Assert.Equal(0L, await host.ScalarAsync<long>($"SELECT count(*) FROM {table} WHERE device_id = $1", device.device_id));
        }

        await Envelope.AssertAsync(await host.Sister().GetAsync($"/internal/devices/{device.device_id}", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await Client.DeleteAsync(device.device_id), 404, "not_found");
        await Envelope.AssertAsync(await Client.ActAsync(device.device_id, "suspend"), 404, "not_found");
        var told = await host.Events.ExpectAsync<DeviceChanged>(e => e.DeviceId == device.device_id && e.Version > version);
        Assert.Equal((null, null, DeviceStatus.Revoked), (told.TenantId, told.DeviceLabel, told.Status));
        var audit = await AuditedAsync(device.device_id, "device.deleted", "delete");
        Assert.Equal((_tenant, "warning"), (audit.TenantId!.Value, audit.Severity));
        // Its label is free.
        await Client.ProvisionAsync(device.device_label);
        Assert.Single(host.Events.All<DeviceRegistered>(e => e.DeviceId == device.device_id));
    }

    [Fact]
    public async Task Whatever_comes_at_once_leaves_one_state_and_versions_that_only_grow()
    {
        string[] actions = ["suspend", "resume", "suspend", "resume", "suspend", "resume"];
        for (var round = 0; round < 5; round++)
        {
            var device = await Client.ProvisionAsync();
            var last = round % 2 == 0 ? Client.DeleteAsync(device.device_id) : Client.ResetAsync(device.device_id);
            var again = round % 2 == 0 ? Client.DeleteAsync(device.device_id) : Client.ResetAsync(device.device_id);
            var answers = await Task.WhenAll([.. actions.Select(a => Client.ActAsync(device.device_id, a)), last, again]);
            Assert.All(answers, a => Assert.Contains((int)a.StatusCode, new[] { 200, 204, 404 }));
            // Exactly one of them took the device from its tenant.
            Assert.Single(answers.TakeLast(2), a => a.IsSuccessStatusCode);
            await Envelope.AssertAsync(await Client.ActAsync(device.device_id, "suspend"), 404, "not_found");

            DeviceStatus end = round % 2 == 0 ? DeviceStatus.Revoked : DeviceStatus.Unclaimed;
            var told = await Eventually.GetAsync(() => Task.FromResult(
                host.Events.All<DeviceChanged>(e => e.DeviceId == device.device_id) is { Count: > 0 } all && all[^1].Status == end ? all : null));
            Assert.Equal(told.Select(e => e.Version).Order().Distinct(), told.Select(e => e.Version));
            Assert.Null(told[^1].TenantId);
            // Each change of status was told of, and nothing that was none: no two in a row are alike.
            Assert.DoesNotContain(told.Zip(told.Skip(1)), pair => pair.First.Status == pair.Second.Status);
            var suspensions = told.Count(e => e.Status == DeviceStatus.Suspended);
            Assert.Equal(suspensions + 1, await host.SessionEndsAsync(device.device_id));
            Assert.Equal("deny", await _broker.ResultOfAsync(device.mqtt_username, device.device_secret));
        }
    }

    private Task<AuditRecorded> AuditedAsync(Guid device, string type, string action) => host.Events.ExpectAsync<AuditRecorded>(
        e => e.DeviceId == device && e.TenantId == _tenant && e.EventType == type && (e.Action, e.Result, e.ActorType) == (action, "success", "user"));

    private static string? Status(System.Text.Json.JsonElement view) => view.GetProperty("status").GetString();
}
