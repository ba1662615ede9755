using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Tests;

public sealed class ProvisionTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_answer_has_the_contracts_fields_and_nothing_else()
    {
        var label = Calls.NewLabel();
        using var answer = await host.Installer(_tenant).PostProvisionAsync(label);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal(
            ["broker", "broker_url", "device_id", "device_label", "device_secret", "mqtt_username", "tenant_id", "topic_prefix"],
            body.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        var device = body.GetProperty("device_id").GetString();
        Assert.Equal(7, Guid.ParseExact(device!, "D").Version);
        Assert.Equal(_tenant.ToString(), body.GetProperty("tenant_id").GetString());
        Assert.Equal(label, body.GetProperty("device_label").GetString());
        Assert.Matches("^[0-9a-f]{64}$", body.GetProperty("device_secret").GetString());
        Assert.Equal(device, body.GetProperty("mqtt_username").GetString());
        Assert.Equal("mqtt.example.com:1883", body.GetProperty("broker").GetString());
        Assert.Equal("mqtt://mqtt.example.com:1883", body.GetProperty("broker_url").GetString());
        Assert.Equal($"tenants/{_tenant}/devices/{device}/telemetry", body.GetProperty("topic_prefix").GetString());
    }

    [Fact]
    public async Task Only_a_hash_of_the_secret_is_kept()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var kept = await host.ScalarAsync<byte[]>("SELECT secret_sha256 FROM credentials WHERE device_id = $1", device.device_id);
        Assert.Equal(SHA256.HashData(Encoding.ASCII.GetBytes(device.device_secret)), kept);
        // Nor in the events that went out or wait.
        Assert.Equal(0L, await host.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE body::text LIKE $1", $"%{device.device_secret}%"));
        Assert.Equal("claimed", await host.ScalarAsync<string>("SELECT status FROM devices WHERE id = $1", device.device_id));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("", null)]
    [InlineData("", "application/json")]
    [InlineData("", "application/x-www-form-urlencoded")]
    [InlineData("{}", "application/json")]
    [InlineData("null", "application/json")]
    [InlineData("{\"device_label\": null}", "application/json; charset=utf-8")]
    [InlineData("{\"somebody\": \"else's field\"}", "application/json")]
    public async Task Without_a_label_one_is_made_up(string? body, string? type)
    {
        HttpContent? content = null;
        if (body is not null)
        {
            content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        }

        using var answer = await host.Installer(_tenant).PostAsync("/devices/provision", content, Cancellation);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var device = await answer.Content.ReadFromJsonAsync<ProvisionedDevice>(Cancellation);
        Assert.Matches("^device-[0-9a-z]{8}$", device!.device_label);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData(null)]
    public async Task A_body_that_is_not_JSON_is_415(string? type)
    {
        using var content = new ByteArrayContent("{}"u8.ToArray());
        content.Headers.ContentType = type is null ? null : new MediaTypeHeaderValue(type);
        using var answer = await host.Installer(_tenant).PostAsync("/devices/provision", content, Cancellation);
        await Envelope.AssertAsync(answer, 415, "unsupported_media_type");
    }

    [Fact]
    public async Task A_label_that_is_taken_is_409_in_every_tenant()
    {
        var label = Calls.NewLabel();
        await host.Installer(_tenant).ProvisionAsync(label);
        foreach (var tenant in new[] { _tenant, Guid.CreateVersion7() })
        {
            using var answer = await host.Installer(tenant).PostProvisionAsync(label);
            await Envelope.AssertAsync(answer, 409, "conflict");
        }

        // Case-sensitive: another label.
        await host.Installer(_tenant).ProvisionAsync(label.ToUpperInvariant());
    }

    [Fact]
    public async Task Of_two_at_once_with_one_label_one_gets_it()
    {
        for (var round = 0; round < 10; round++)
        {
            var label = Calls.NewLabel();
            var answers = await Task.WhenAll(
                host.Installer(_tenant).PostProvisionAsync(label), host.Installer(Guid.CreateVersion7()).PostProvisionAsync(label));
            Assert.Equal([HttpStatusCode.Created, HttpStatusCode.Conflict], answers.Select(a => a.StatusCode).Order());
        }
    }

    [Fact]
    public async Task The_provisioning_user_owns_the_device_and_a_super_admin_does_not()
    {
        var user = Guid.CreateVersion7();
        var own = await host.Installer(_tenant, user).ProvisionAsync();
        Assert.Equal(user, await host.ScalarAsync<Guid>("SELECT owner_user_id FROM devices WHERE id = $1", own.device_id));

        var admin = host.As(null, role: "super_admin", permissions: [Permissions.SystemAdmin]);
        await host.KnowAsync(_tenant);
        using var answer = await admin.PostAsync($"/devices/provision?tenant_id={_tenant}", null, Cancellation);
        var device = await answer.Content.ReadFromJsonAsync<ProvisionedDevice>(Cancellation);
        Assert.Equal(_tenant, device!.tenant_id);
        Assert.True(await host.ScalarAsync<bool>("SELECT owner_user_id IS NULL FROM devices WHERE id = $1", device.device_id));

        using var nowhere = await admin.PostAsync("/devices/provision", null, Cancellation);
        var envelope = await Envelope.AssertAsync(nowhere, 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty("tenant_id", out _));
    }

    [Fact]
    public async Task Needs_its_permission_and_its_method()
    {
        var reader = host.As(_tenant, permissions: [Permissions.DevicesRead]);
        await Envelope.AssertAsync(await reader.PostProvisionAsync(), 403, "forbidden");
        await Envelope.AssertAsync(await host.Anonymous().PostProvisionAsync(), 401, "unauthorized");
        await Envelope.AssertAsync(await host.Direct().PostProvisionAsync(), 401, "unauthorized");

        using var get = await host.Installer(_tenant).GetAsync("/devices/provision", Cancellation);
        await Envelope.AssertAsync(get, 405, "method_not_allowed");
        Assert.Contains("POST", get.Content.Headers.Allow);
    }
}
