using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Tests;

public sealed class ListTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_entry_has_the_contracts_fields_and_whether_it_is_online_and_its_tags()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var entry = (await ListAsync("/devices")).EnumerateArray().Single();
        Assert.Equal(
            ["created_at", "device_id", "device_label", "firmware_version", "last_seen_at", "online", "status", "tags"],
            entry.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal(device.device_id.ToString(), entry.GetProperty("device_id").GetString());
        Assert.Equal(device.device_label, entry.GetProperty("device_label").GetString());
        Assert.Equal("claimed", entry.GetProperty("status").GetString());
        Assert.Equal(JsonValueKind.Null, entry.GetProperty("firmware_version").ValueKind);
        Assert.Equal(JsonValueKind.Null, entry.GetProperty("last_seen_at").ValueKind);
        Assert.False(entry.GetProperty("online").GetBoolean());
        Assert.Equal("[]", entry.GetProperty("tags").GetRawText());
        Assert.EndsWith("Z", entry.GetProperty("created_at").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Newest_first_and_all_of_them_unless_limited()
    {
        Assert.Equal("[]", (await ListAsync("/devices")).GetRawText());
        var made = new List<Guid>();
        for (var i = 0; i < 5; i++)
        {
            made.Insert(0, (await host.Installer(_tenant).ProvisionAsync()).device_id);
        }

        Assert.Equal(made, Ids(await ListAsync("/devices")));
        Assert.Equal(made.Take(2), Ids(await ListAsync("/devices?limit=2")));
        Assert.Equal(made, Ids(await ListAsync("/devices?limit=100000")));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("many")]
    [InlineData("99999999999")]
    public async Task A_limit_that_is_none_is_400(string limit)
    {
        using var answer = await host.Installer(_tenant).GetAsync($"/devices?limit={limit}", Cancellation);
        var envelope = await Envelope.AssertAsync(answer, 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty("limit", out _), envelope.ToString());
    }

    [Fact]
    public async Task Needs_its_permission()
    {
        var provisioner = host.As(_tenant, permissions: [Permissions.DevicesProvision]);
        await Envelope.AssertAsync(await provisioner.GetAsync("/devices", Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await host.Direct().GetAsync("/devices", Cancellation), 401, "unauthorized");
    }

    [Fact]
    public async Task Another_tenants_devices_are_not_in_it_and_cannot_be_asked_for()
    {
        var theirs = Guid.CreateVersion7();
        await host.Installer(theirs).ProvisionAsync();
        Assert.Equal("[]", (await ListAsync("/devices")).GetRawText());
        using var answer = await host.Installer(_tenant).GetAsync($"/devices?tenant_id={theirs}", Cancellation);
        await Envelope.AssertAsync(answer, 400, "bad_request");
    }

    private async Task<JsonElement> ListAsync(string path) =>
        await host.Installer(_tenant).GetFromJsonAsync<JsonElement>(path, Cancellation);

    private static IEnumerable<Guid> Ids(JsonElement list) => list.EnumerateArray().Select(d => d.GetProperty("device_id").GetGuid());
}
