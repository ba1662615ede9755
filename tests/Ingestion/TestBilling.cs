using System.Collections.Concurrent;
using EasySmart.Ingestion.Tenants;
using EasySmart.ServiceDefaults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EasySmart.Ingestion.Tests;

/// <summary>BillingQuota's internal endpoint of quotas over real HTTP, with tenants that a test makes up.</summary>
internal sealed class TestBilling : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<Guid, TenantQuota> _quotas = new();
    private int _complete;

    private TestBilling(WebApplication app) => _app = app;

    /// <summary>How often the whole of it was read.</summary>
    public int Complete => _complete;

    public string Address => _app.Urls.First();

    public static async Task<TestBilling> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var billing = new TestBilling(builder.Build());
        billing._app.MapGet("/internal/quotas", (long after, int limit, HttpRequest request) =>
            request.Headers["X-EasySmart-Service-Key"] == TestOwner.Key ? billing.Answer(after, limit) : Results.StatusCode(401));
        await billing._app.StartAsync();
        return billing;
    }

    /// <summary>A tenant's state from now on.</summary>
    public void Put(Guid tenant, int? retentionDays, long version) =>
        _quotas[tenant] = new TenantQuota(tenant, "pro", "annual", 50, 600, 2000, true, retentionDays, version);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private IResult Answer(long after, int limit)
    {
        // As the owner tells it: without what a replica works out for itself.
        var page = _quotas.Values.OrderBy(q => q.Version).Where(q => q.Version > after).Take(Math.Min(limit, 2)).Select(q => new
        {
            q.TenantId,
            q.PlanType,
            q.BillingCycle,
            q.QuotaDevices,
            q.QuotaMsgsPerMin,
            q.QuotaStorageMb,
            q.AllowOverage,
            q.RetentionDays,
            q.Version,
        }).ToList();
        if (page.Count == 0)
        {
            Interlocked.Increment(ref _complete);
        }

        return Results.Json(page, Json.Options);
    }
}
