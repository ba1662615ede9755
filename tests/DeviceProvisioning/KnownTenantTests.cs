using System.Net;
using System.Net.Http.Json;
using EasySmart.DeviceProvisioning.Tenants;
using EasySmart.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>An operator names the tenant that is to hold a device: there has to be one. Its event never comes here.</summary>
public sealed class KnownTenantTests : IAsyncLifetime
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly WebApplication _identity;
    private HostBeside? _host;
    private int _asked;

    public KnownTenantTests()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _identity = builder.Build();
        _identity.MapGet("/internal/tenants", () => Results.Json(Array.Empty<object>()));
        _identity.MapGet("/internal/tenants/{id}", (Guid id, HttpContext context) =>
        {
            Interlocked.Increment(ref _asked);
            return context.Request.Headers["X-EasySmart-Service-Key"] != DevicesHost.ServiceKey ? Results.StatusCode(401)
                : id == _tenant ? Results.Json(new { tenant_id = id, status = "active", version = 1 })
                : Results.NotFound();
        });
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _identity.StartAsync(Cancellation);
        _host = new HostBeside(ApplyTenantStatus.Replica.AddressKey, _identity.Urls.Single());
        await _host.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _host!.DisposeAsync();
        await _identity.DisposeAsync();
    }

    [Fact]
    public async Task Identity_is_asked_once_about_a_tenant_that_was_not_told_of()
    {
        foreach (var _ in Enumerable.Range(0, 3))
        {
            Assert.Equal(HttpStatusCode.Created, await ProvisionAsync(_tenant));
        }

        Assert.Equal(1, _asked);
        Assert.Equal(3L, await _host!.ScalarAsync<long>("SELECT count(*) FROM devices WHERE tenant_id = $1", _tenant));
    }

    [Fact]
    public async Task For_a_tenant_that_there_is_not_no_device_is_made_nor_claimed()
    {
        var device = await _host!.MakeDeviceAsync();
        foreach (var answer in new[]
        {
            await _host!.SuperAdmin().PostAsync($"/devices/provision?tenant_id={Guid.CreateVersion7()}", null, Cancellation),
            await _host!.SuperAdmin().PostAsync(
                $"/devices/claim?tenant_id={Guid.CreateVersion7()}", JsonContent.Create(new { device.device_id, device.claim_code }), Cancellation),
        })
        {
            Assert.Equal("Tenant not found", (await Envelope.AssertAsync(answer, 404, "not_found")).GetProperty("message").GetString());
        }

        Assert.Equal(0L, await _host!.ScalarAsync<long>("SELECT count(*) FROM devices WHERE tenant_id IS NOT NULL"));
    }

    [Fact]
    public async Task While_Identity_is_away_a_tenants_own_caller_goes_on_and_an_operator_is_told_to_wait()
    {
        await _identity.StopAsync(Cancellation);
        await _host!.Installer(_tenant).ProvisionAsync();
        using var answer = await _host!.SuperAdmin().PostAsync($"/devices/provision?tenant_id={_tenant}", null, Cancellation);
        await Envelope.AssertAsync(answer, 503, "service_unavailable");
    }

    private async Task<HttpStatusCode> ProvisionAsync(Guid tenant)
    {
        using var answer = await _host!.SuperAdmin().PostAsync($"/devices/provision?tenant_id={tenant}", null, Cancellation);
        return answer.StatusCode;
    }
}
