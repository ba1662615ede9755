using System.Net;
using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Who guesses claim codes waits.</summary>
public sealed class ClaimAttemptsTests(DevicesHost host)
{
    private const string Wrong = "0000-0000-0000-0000";
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task After_five_wrong_codes_the_tenant_waits_and_no_other()
    {
        var device = await host.MakeDeviceAsync();
        var client = host.Installer(_tenant);
        for (var wrong = 0; wrong < 5; wrong++)
        {
            await Envelope.AssertAsync(await client.PostClaimAsync(new { device.device_id, claim_code = Wrong }), 401, "unauthorized");
        }

        // The right code too, on any instance, until the time is over.
        for (var again = 0; again < 3; again++)
        {
            using var slowed = await client.PostClaimAsync(new { device.hardware_id, device.claim_code });
            var details = (await Envelope.AssertAsync(slowed, 429, "rate_limited")).GetProperty("details");
            Assert.Equal("""{"limit":"claim_attempts","max":5,"used":5,"window_seconds":900}""", details.GetRawText());
            Assert.InRange(slowed.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 30);
        }

        await PassAsync(device);
        await Envelope.AssertAsync(await client.PostClaimAsync(new { device.device_id, claim_code = Wrong }), 401, "unauthorized");
        using (var longer = await client.PostClaimAsync(new { device.device_id, device.claim_code }))
        {
            await Envelope.AssertAsync(longer, 429, "rate_limited");
            Assert.InRange(longer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 31, 60);
        }

        var other = Guid.CreateVersion7();
        await Envelope.AssertAsync(await host.Installer(other).PostClaimAsync(new { device.device_id, claim_code = Wrong }), 401, "unauthorized");

        // Each wrong code is recorded, and the first refusal of each step.
        await PassAsync(device);
        await client.ClaimAsync(device);
        await host.Events.ExpectAsync<AuditRecorded>(e => e.DeviceId == device.device_id && e.EventType == "device.claimed");
        var recorded = host.Events.All<AuditRecorded>(e => e.DeviceId == device.device_id && e.TenantId == _tenant);
        Assert.Equal(6, recorded.Count(e => e is { EventType: "device.claim_failed", Result: "failed", Severity: "warning" }));
        Assert.Equal(2, recorded.Count(e => e is { EventType: "device.claim_slowed", Result: "denied", Severity: "warning" }));
        Assert.DoesNotContain(Wrong, JsonSerializer.Serialize(recorded), StringComparison.Ordinal);

        // A success forgets the tenant's own.
        Assert.Equal(other, await host.ScalarAsync<Guid>("SELECT tenant_id FROM claim_attempts WHERE device_id = $1", device.device_id));
    }

    [Fact]
    public async Task The_wait_ends_at_fifteen_minutes_and_a_day_forgives()
    {
        var device = await host.MakeDeviceAsync();
        var client = host.Installer(_tenant);
        await client.PostClaimAsync(new { device.device_id, claim_code = Wrong });
        await host.ScalarAsync<object>("UPDATE claim_attempts SET failures = 40 WHERE device_id = $1", device.device_id);
        await Envelope.AssertAsync(await client.PostClaimAsync(new { device.device_id, claim_code = Wrong }), 401, "unauthorized");
        using (var slowed = await client.PostClaimAsync(new { device.device_id, device.claim_code }))
        {
            await Envelope.AssertAsync(slowed, 429, "rate_limited");
            Assert.InRange(slowed.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 800, 900);
        }

        await host.ScalarAsync<object>("UPDATE claim_attempts SET next_at = now() - interval '25 hours' WHERE device_id = $1", device.device_id);
        await Envelope.AssertAsync(await client.PostClaimAsync(new { device.device_id, claim_code = Wrong }), 401, "unauthorized");
        Assert.Equal(1, await host.ScalarAsync<int>("SELECT failures FROM claim_attempts WHERE device_id = $1", device.device_id));
    }

    [Fact]
    public async Task Wrong_codes_at_once_are_all_counted()
    {
        var device = await host.MakeDeviceAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => host.Installer(_tenant).PostClaimAsync(new { device.device_id, claim_code = Wrong })));
        Assert.Equal(5, answers.Count(a => a.StatusCode == HttpStatusCode.Unauthorized));
        Assert.Equal(15, answers.Count(a => a.StatusCode == HttpStatusCode.TooManyRequests));
    }

    private Task<object?> PassAsync(ImportedDevice device) =>
        host.ScalarAsync<object>("UPDATE claim_attempts SET next_at = now() - interval '1 second' WHERE device_id = $1", device.device_id);
}
