using System.Net;
using System.Net.Http.Json;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Who may call the routes of one device, and whose devices they reach.</summary>
public sealed class DeviceAccessTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    public static TheoryData<string, string, string, bool> Routes { get; } = new()
    {
        { "GET", "/devices/{0}", Permissions.DevicesRead, true },
        { "PATCH", "/devices/{0}", Permissions.DevicesWrite, true },
        { "DELETE", "/devices/{0}", Permissions.DevicesDelete, false },
        { "POST", "/devices/{0}/suspend", Permissions.DevicesWrite, true },
        { "POST", "/devices/{0}/resume", Permissions.DevicesWrite, true },
        { "POST", "/devices/{0}/revoke", Permissions.DevicesDelete, false },
        { "POST", "/devices/{0}/credentials/rotate", Permissions.DevicesProvision, true },
        { "POST", "/devices/reset", Permissions.DevicesProvision, true },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Routes))]
    public async Task Needs_its_permission_and_no_other(string method, string route, string permission, bool userMay)
    {
        var user = Guid.CreateVersion7();
        var device = await host.Installer(_tenant, user).ProvisionAsync();
        await Envelope.AssertAsync(await SendAsync(host.Direct(), device.device_id), 401, "unauthorized");
        string[] others = [.. new[] { Permissions.DevicesRead, Permissions.DevicesWrite, Permissions.DevicesProvision, Permissions.DevicesDelete }.Where(p => p != permission)];
        await Envelope.AssertAsync(await SendAsync(host.As(_tenant, permissions: others), device.device_id), 403, "forbidden");
        using (var asUser = await SendAsync(host.User(_tenant, user), device.device_id))
        {
            Assert.Equal(userMay, asUser.IsSuccessStatusCode);
        }

        var another = await host.Installer(_tenant).ProvisionAsync();
        using var allowed = await SendAsync(host.As(_tenant, permissions: permission), another.device_id);
        Assert.True(allowed.IsSuccessStatusCode, $"{allowed.StatusCode}");

        async Task<HttpResponseMessage> SendAsync(HttpClient client, Guid id) => await CallAsync(client, method, route, id);
    }

    [Theory, MemberData(nameof(Routes))]
    public async Task Another_tenants_device_is_not_found_and_stays_as_it_is(string method, string route, string permission, bool userMay)
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var before = await RowAsync(device.device_id);
        var stranger = host.As(Guid.CreateVersion7(), role: userMay ? "tenant_user" : "tenant_admin", permissions: permission);
        await Envelope.AssertAsync(await CallAsync(stranger, method, route, device.device_id), 404, "not_found");
        await Envelope.AssertAsync(await CallAsync(host.Admin(Guid.CreateVersion7()), method, route, device.device_id), 404, "not_found");
        await Envelope.AssertAsync(await CallAsync(host.Admin(_tenant), method, route, Guid.CreateVersion7()), 404, "not_found");
        Assert.Equal(before, await RowAsync(device.device_id));
        Assert.Equal("allow", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
    }

    [Theory]
    [InlineData("/devices/provision", "POST")]
    [InlineData("/devices/reset", "POST")]
    public async Task What_is_no_UUID_is_no_devices_route(string path, string allow)
    {
        using var answer = await host.Admin(_tenant).GetAsync(path, Cancellation);
        await Envelope.AssertAsync(answer, 405, "method_not_allowed");
        Assert.Equal([allow], answer.Content.Headers.Allow);
        await Envelope.AssertAsync(await host.Admin(_tenant).DeleteAsync(path, Cancellation), 405, "method_not_allowed");
        await Envelope.AssertAsync(await host.Admin(_tenant).GetAsync("/devices/pump-7", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await host.Admin(_tenant).PutAsync($"/devices/{Guid.NewGuid()}", null, Cancellation), 405, "method_not_allowed");
    }

    [Fact]
    public async Task A_super_admin_names_the_tenant()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var super = host.As(null, role: "super_admin", permissions: Permissions.SystemAdmin);
        await Envelope.AssertAsync(await super.GetAsync($"/devices/{device.device_id}", Cancellation), 400, "bad_request");
        using var found = await super.GetAsync($"/devices/{device.device_id}?tenant_id={_tenant}", Cancellation);
        Assert.Equal(HttpStatusCode.OK, found.StatusCode);
    }

    private static Task<HttpResponseMessage> CallAsync(HttpClient client, string method, string route, Guid device)
    {
        var request = new HttpRequestMessage(
            new HttpMethod(method), string.Format(System.Globalization.CultureInfo.InvariantCulture, route, device));
        object? body = method == "PATCH" ? new { tags = new[] { "changed" } }
            : route == "/devices/reset" ? new { device_id = device, confirmation = "RESET" }
            : null;
        request.Content = body is null ? null : JsonContent.Create(body);
        return client.SendAsync(request, Cancellation);
    }

    private Task<string?> RowAsync(Guid device) => host.ScalarAsync<string>("SELECT to_jsonb(d)::text FROM devices d WHERE id = $1", device);
}
