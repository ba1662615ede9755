using System.Net;
using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A claimed device fetches its secret, once.</summary>
public sealed class SecretTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task The_secret_is_told_once_and_lets_the_device_in()
    {
        var device = await host.ClaimedAsync(_tenant);
        var answer = await host.SecretAsync(device.ByHardware()).OkAsync();
        Assert.Equal(["device_secret", "expires_at", "mqtt_username", "broker", "topic_prefix"], answer.EnumerateObject().Select(p => p.Name));
        var secret = answer.GetProperty("device_secret").GetString()!;
        Assert.Matches("^[0-9a-f]{64}$", secret);
        Assert.Matches("^[0-9-]{10}T[0-9:]{8}Z$", answer.GetProperty("expires_at").GetString()!);
        Assert.InRange(answer.GetProperty("expires_at").GetDateTimeOffset(), DateTimeOffset.UtcNow.AddMinutes(3), DateTimeOffset.UtcNow.AddMinutes(5));
        Assert.Equal(device.device_id.ToString(), answer.GetProperty("mqtt_username").GetString());
        Assert.Equal("ws://mqtt.example.com:8083/mqtt", answer.GetProperty("broker").GetString());
        Assert.Equal($"tenants/{_tenant}/devices/{device.device_id}/telemetry", answer.GetProperty("topic_prefix").GetString());

        Assert.Equal("allow", await host.Broker().ResultOfAsync(device.device_id.ToString(), secret, device.device_id.ToString()));
        Assert.False(await host.ScalarAsync<bool>("SELECT c::text LIKE '%' || $2 || '%' FROM credentials c WHERE device_id = $1", device.device_id, secret));
        await RefusedAsync(device, "The secret was already delivered");
        Assert.Equal("allow", await host.Broker().ResultOfAsync(device.device_id.ToString(), secret));
        var audit = await host.Events.ExpectAsync<AuditRecorded>(e => e.DeviceId == device.device_id && e.EventType == "device.secret_delivered");
        Assert.Equal(("device", "deliver", "success", _tenant, "info"), (audit.ActorType, audit.Action, audit.Result, audit.TenantId!.Value, audit.Severity));
        Assert.DoesNotContain(secret, JsonSerializer.Serialize(audit), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_many_calls_at_once_exactly_one_gets_it()
    {
        var device = await host.ClaimedAsync(_tenant);
        var bodies = Enumerable.Range(0, 20).Select(n => n % 2 == 0 ? device.ByHardware(Factory.Now(TimeSpan.FromSeconds(n))) : device.ById(Factory.Now(TimeSpan.FromSeconds(n))));
        var answers = await Task.WhenAll(bodies.Select(body => host.SecretAsync(body)));
        Assert.Equal(1, answers.Count(a => a.StatusCode == HttpStatusCode.OK));
        Assert.Equal(19, answers.Count(a => a.StatusCode == HttpStatusCode.Conflict));
        Assert.Equal(1L, await host.ScalarAsync<long>("SELECT count(*) FROM credentials WHERE device_id = $1", device.device_id));
    }

    [Fact]
    public async Task A_signature_passes_once_also_when_it_got_nothing_and_of_many_at_once()
    {
        var device = await host.MakeDeviceAsync();
        var early = device.ByHardware();
        Assert.Equal("The device is not claimed", await MessageAsync(await host.SecretAsync(early), 409, "conflict"));
        await host.Installer(_tenant).ClaimAsync(device);
        Assert.Equal("The signature was used already", await MessageAsync(await host.SecretAsync(early), 401, "unauthorized"));

        var body = device.ByHardware();
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => host.SecretAsync(body)));
        Assert.Equal(1, answers.Count(a => a.StatusCode == HttpStatusCode.OK));
        Assert.Equal(9, answers.Count(a => a.StatusCode == HttpStatusCode.Unauthorized));

        // Bootstrap may be asked with it, and asked again.
        await host.BootstrapAsync(body).OkAsync();
        await host.BootstrapAsync(body).OkAsync();
    }

    [Fact]
    public async Task When_it_may_not_have_one_it_is_told_why()
    {
        var device = await host.ClaimedAsync(_tenant);
        foreach (var (status, why) in new[] { ("suspended", "The device is suspended"), ("revoked", "The device is revoked") })
        {
            await host.ScalarAsync<object>("UPDATE devices SET status = $2 WHERE id = $1", device.device_id, status);
            await RefusedAsync(device, why);
        }

        await host.ScalarAsync<object>("UPDATE devices SET status = 'claimed' WHERE id = $1", device.device_id);
        await host.ScalarAsync<object>("INSERT INTO tenants VALUES ($1, 'suspended', 1)", _tenant);
        await RefusedAsync(device, "The device's tenant is suspended");
        await host.ScalarAsync<object>("DELETE FROM tenants WHERE tenant_id = $1", _tenant);

        await host.ScalarAsync<object>("UPDATE registry SET delivery_until = now() - interval '1 second' WHERE device_id = $1", device.device_id);
        await RefusedAsync(device, "The time for fetching the secret has expired: reset the device and claim it again");
        Assert.Equal(0L, await host.ScalarAsync<long>("SELECT count(*) FROM credentials WHERE device_id = $1", device.device_id));
    }

    [Fact]
    public async Task An_active_device_gets_no_other_secret_unless_the_operator_says_so()
    {
        var device = await host.ClaimedAsync(_tenant);
        var secret = (await host.SecretAsync(device.ByHardware()).OkAsync()).GetProperty("device_secret").GetString();
        Assert.Equal("allow", await host.Broker().ResultOfAsync(device.device_id.ToString(), secret));
        await RefusedAsync(device, "The secret was already delivered");
    }

    [Fact]
    public async Task Where_the_operator_says_so_the_old_one_dies()
    {
        await using var generous = new RedeliveringHost();
        await generous.InitializeAsync();
        var device = await generous.ClaimedAsync(_tenant);
        var first = (await generous.SecretAsync(device.ByHardware()).OkAsync()).GetProperty("device_secret").GetString();
        // Not while nobody has logged in with the first.
        await Envelope.AssertAsync(await generous.SecretAsync(device.ByHardware()), 409, "conflict");
        Assert.Equal("allow", await generous.Broker().ResultOfAsync(device.device_id.ToString(), first));

        var second = (await generous.SecretAsync(device.ByHardware()).OkAsync()).GetProperty("device_secret").GetString();
        Assert.NotEqual(first, second);
        Assert.Equal("deny", await generous.Broker().ResultOfAsync(device.device_id.ToString(), first));
        Assert.Equal("allow", await generous.Broker().ResultOfAsync(device.device_id.ToString(), second));
        Assert.Equal(
            "warning", await generous.ScalarAsync<string>("SELECT body->>'Severity' FROM outbox WHERE body->>'EventType' = 'device.secret_redelivered' AND key = $1", device.device_id.ToString()));

        // Never to who signs with the master key itself: everybody's device does.
        await generous.ScalarAsync<object>("UPDATE registry SET legacy_signing = true WHERE device_id = $1", device.device_id);
        var timestamp = Factory.Now();
        var legacy = new { device.hardware_id, timestamp, signature = Factory.Hmac(DevicesHost.MasterKey, $"{device.hardware_id}:{timestamp}") };
        await Envelope.AssertAsync(await generous.SecretAsync(legacy), 409, "conflict");
        Assert.Equal("allow", await generous.Broker().ResultOfAsync(device.device_id.ToString(), second));
    }

    [Fact]
    public async Task Used_signatures_are_forgotten_when_the_clock_refuses_them()
    {
        var device = await host.ClaimedAsync(_tenant);
        await host.SecretAsync(device.ByHardware()).OkAsync();
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow.AddMinutes(10));
        using var cleaner = new Cleaner(
            host.Services.GetServices<Outdated>(), host.Services.GetRequiredKeyedService<NpgsqlDataSource>(DataSources.System), clock, NullLogger<Cleaner>.Instance);
        await cleaner.CleanAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1L, await CountAsync());
        clock.Advance(TimeSpan.FromMinutes(6));
        await cleaner.CleanAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0L, await CountAsync());

        Task<long> CountAsync() => host.ScalarAsync<long>("SELECT count(*) FROM used_signatures WHERE identity = $1", device.hardware_id!);
    }

    private async Task RefusedAsync(ImportedDevice device, string why) => Assert.Equal(why, await MessageAsync(await host.SecretAsync(device.ByHardware()), 409, "conflict"));

    private static async Task<string?> MessageAsync(HttpResponseMessage answer, int status, string code)
    {
        using (answer)
        {
            return (await Envelope.AssertAsync(answer, status, code)).GetProperty("message").GetString();
        }
    }

    private sealed class RedeliveringHost : LonelyHost
    {
        protected override async Task PrepareAsync()
        {
            await base.PrepareAsync();
            Settings["Manufacturing:RedeliverToActive"] = "true";
        }
    }
}
