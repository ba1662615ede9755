using EasySmart.Contracts.Auditing;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A device gives itself a new secret.</summary>
public sealed class OwnRotationTests(DevicesHost host)
{
    private const string Suffix = ":rotate";
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task The_old_secret_dies_at_once()
    {
        var (device, first) = await WithSecretAsync();
        var answer = await host.RotateAsync(device.ById(suffix: Suffix)).OkAsync();
        Assert.Equal(["device_secret", "expires_at", "mqtt_username", "broker", "topic_prefix"], answer.EnumerateObject().Select(p => p.Name));
        Assert.Equal("deny", await LogInAsync(device, first));
        Assert.Equal("allow", await LogInAsync(device, answer.GetProperty("device_secret").GetString()!));
        var audit = await host.Events.ExpectAsync<AuditRecorded>(e => e.DeviceId == device.device_id && e.EventType == "device.credentials_rotated");
        Assert.Equal(("device", device.device_id.ToString(), "rotate", _tenant), (audit.ActorType, audit.ActorId, audit.Action, audit.TenantId!.Value));
    }

    [Fact]
    public async Task Or_after_an_overlap()
    {
        var (device, first) = await WithSecretAsync();
        var timestamp = Factory.Now();
        var body = new
        {
            device.hardware_id,
            timestamp,
            signature = Factory.Hmac(device.hardware_id_key!, $"{device.hardware_id}:{timestamp}{Suffix}"),
            overlap_seconds = 604_800,
        };
        var second = (await host.RotateAsync(body).OkAsync()).GetProperty("device_secret").GetString()!;
        Assert.Equal("allow", await LogInAsync(device, first));
        Assert.Equal("allow", await LogInAsync(device, second));
        Assert.Equal(1L, await host.ScalarAsync<long>(
            "SELECT count(*) FROM credentials WHERE device_id = $1 AND valid_until BETWEEN now() + interval '6 days' AND now() + interval '8 days'", device.device_id));
    }

    [Fact]
    public async Task No_signature_of_another_call_passes_nor_the_same_twice()
    {
        var (device, _) = await WithSecretAsync();
        await Envelope.AssertAsync(await host.RotateAsync(device.ByHardware()), 401, "unauthorized");
        var body = device.ByHardware(suffix: Suffix);
        await Envelope.AssertAsync(await host.BootstrapAsync(body), 401, "unauthorized");
        await host.RotateAsync(body).OkAsync();
        await Envelope.AssertAsync(await host.RotateAsync(body), 401, "unauthorized");
        var late = await Envelope.AssertAsync(await host.RotateAsync(device.ByHardware(Factory.Now(TimeSpan.FromHours(1)), Suffix)), 401, "unauthorized");
        Assert.Equal("clock_skew", late.GetProperty("details").GetProperty("reason").GetString());
    }

    [Fact]
    public async Task It_is_no_way_around_the_delivery()
    {
        var device = await host.MakeDeviceAsync();
        await RefusedAsync(device, "The device is not claimed");
        await host.Installer(_tenant).ClaimAsync(device);
        await RefusedAsync(device, "The device has no secret yet: it has to fetch one first");
        await host.SecretAsync(device.ByHardware()).OkAsync();
        await host.ScalarAsync<object>("UPDATE devices SET status = 'suspended' WHERE id = $1", device.device_id);
        await RefusedAsync(device, "The device is suspended");
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(604_801)]
    public async Task An_overlap_that_is_too_long_is_400(int seconds)
    {
        using var answer = await host.RotateAsync(new { hardware_id = "T", timestamp = Factory.Now(), signature = "x", overlap_seconds = seconds });
        Assert.True((await Envelope.AssertAsync(answer, 400, "bad_request")).GetProperty("details").TryGetProperty("overlap_seconds", out _));
    }

    private async Task RefusedAsync(ImportedDevice device, string why)
    {
        using var answer = await host.RotateAsync(device.ByHardware(suffix: Suffix));
        Assert.Equal(why, (await Envelope.AssertAsync(answer, 409, "conflict")).GetProperty("message").GetString());
    }

    private async Task<(ImportedDevice Device, string Secret)> WithSecretAsync()
    {
        var device = await host.ClaimedAsync(_tenant);
        return (device, (await host.SecretAsync(device.ByHardware()).OkAsync()).GetProperty("device_secret").GetString()!);
    }

    private Task<string> LogInAsync(ImportedDevice device, string secret) => host.Broker().ResultOfAsync(device.device_id.ToString(), secret);
}
