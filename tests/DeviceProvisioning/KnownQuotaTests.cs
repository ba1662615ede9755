using System.Net;
using EasySmart.DeviceProvisioning.Quotas;
using EasySmart.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A new tenant is held to its quota from its first device on, although its event never comes here.</summary>
public sealed class KnownQuotaTests : IAsyncLifetime
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly WebApplication _billing;
    private HostBeside? _host;
    private int _asked;

    public KnownQuotaTests()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _billing = builder.Build();
        _billing.MapGet("/internal/quotas", () => Results.Json(Array.Empty<object>()));
        _billing.MapGet("/internal/quotas/{id}", (Guid id, HttpContext context) =>
        {
            Interlocked.Increment(ref _asked);
            return context.Request.Headers["X-EasySmart-Service-Key"] != DevicesHost.ServiceKey ? Results.StatusCode(401)
                : id == _tenant ? Results.Json(new { tenant_id = id, plan_type = "starter", quota_devices = 5, version = 1 })
                : Results.NotFound();
        });
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _billing.StartAsync(Cancellation);
        _host = new HostBeside(ApplyTenantQuota.Replica.AddressKey, _billing.Urls.Single());
        await _host.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _host!.DisposeAsync();
        await _billing.DisposeAsync();
    }

    [Fact]
    public async Task Twenty_at_once_make_as_many_as_BillingQuota_says()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _host!.Installer(_tenant).PostProvisionAsync()));
        Assert.Equal(5, answers.Count(answer => answer.StatusCode == HttpStatusCode.Created));
        Assert.Equal(15, answers.Count(answer => answer.StatusCode == HttpStatusCode.TooManyRequests));
        var asked = _asked;
        var device = await _host!.MakeDeviceAsync();
        await Envelope.AssertAsync(
            await _host!.Installer(_tenant).PostClaimAsync(new { device.device_id, device.claim_code }), 429, "quota_exceeded");
        Assert.Equal(asked, _asked);
    }

    [Fact]
    public async Task While_BillingQuota_is_away_devices_are_made_all_the_same()
    {
        await _billing.StopAsync(Cancellation);
        foreach (var _ in Enumerable.Range(0, 6))
        {
            await _host!.Installer(_tenant).ProvisionAsync();
        }
    }
}
