using System.Collections.Concurrent;
using EasySmart.DeviceProvisioning.Quotas;
using EasySmart.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>The replica of quotas, filled from BillingQuota at start.</summary>
public sealed class RebuildTests(RebuildTests.FilledHost host) : IClassFixture<RebuildTests.FilledHost>
{
    [Fact]
    public async Task Every_page_is_taken_over_once_the_owner_answers()
    {
        await Eventually.TrueAsync(async () => await host.ScalarAsync<long>("SELECT count(*) FROM tenant_quotas") == FilledHost.Tenants);
        Assert.Equal((long)FilledHost.Tenants, await host.ScalarAsync<long>("SELECT sum(quota_devices)::bigint FROM tenant_quotas"));
        Assert.Equal("pro", await host.ScalarAsync<string>("SELECT DISTINCT plan_type FROM tenant_quotas"));
        // Two refusals, the pages, and the empty page that ends it.
        await Eventually.TrueAsync(() => Task.FromResult(host.Asked.Count == 2 + 3 + 1));
        Assert.All(host.Asked, key => Assert.Equal(DevicesHost.ServiceKey, key));
    }

    /// <summary>Starts while BillingQuota does not answer yet.</summary>
    public sealed class FilledHost : LonelyHost
    {
        public const int Tenants = 25;
        private const int Page = 10;

        private readonly Guid[] _tenants = [.. Enumerable.Range(0, Tenants).Select(_ => Guid.CreateVersion7())];
        private WebApplication? _billing;

        public ConcurrentQueue<string> Asked { get; } = [];

        protected override async Task PrepareAsync()
        {
            await base.PrepareAsync();
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            _billing = builder.Build();
            _billing.MapGet("/internal/quotas", (HttpContext context, long after) =>
            {
                Asked.Enqueue(context.Request.Headers["X-EasySmart-Service-Key"].ToString());
                return Asked.Count <= 2 ? Results.StatusCode(503) : Results.Json(_tenants.Skip((int)after).Take(Page).Select((tenant, i) => new
                {
                    tenant_id = tenant,
                    plan_type = "pro",
                    billing_cycle = "annual",
                    quota_devices = 1,
                    quota_msgs_per_min = 360,
                    quota_storage_mb = 1000,
                    allow_overage = false,
                    version = after + i + 1,
                }));
            });
            await _billing.StartAsync();
            Settings[ApplyTenantQuota.Replica.AddressKey] = _billing.Urls.Single();
        }

        protected override async Task CleanUpAsync()
        {
            await base.CleanUpAsync();
            await _billing!.DisposeAsync();
        }
    }
}
