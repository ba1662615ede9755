using System.Collections.Concurrent;
using EasySmart.ServiceDefaults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EasySmart.Ingestion.Tests;

/// <summary>Identity's internal endpoint of tenants over real HTTP, with tenants that a test makes up.</summary>
public sealed class TestTenants : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<Guid, (string Status, long Version)> _tenants = new();
    private int _complete;

    private TestTenants(WebApplication app) => _app = app;

    /// <summary>How often the whole of it was read.</summary>
    public int Complete => _complete;

    public string Address => _app.Urls.First();

    public static async Task<TestTenants> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var tenants = new TestTenants(builder.Build());
        tenants._app.MapGet("/internal/tenants", (Guid after, int limit, HttpRequest request) =>
            request.Headers["X-EasySmart-Service-Key"] == TestOwner.Key ? tenants.Answer(after, limit) : Results.StatusCode(401));
        await tenants._app.StartAsync();
        return tenants;
    }

    public void Put(Guid tenant, string status, long version) => _tenants[tenant] = (status, version);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private IResult Answer(Guid after, int limit)
    {
        var page = _tenants.OrderBy(t => t.Key).Where(t => t.Key.CompareTo(after) > 0).Take(Math.Min(limit, 2))
            .Select(t => new { TenantId = t.Key, t.Value.Status, t.Value.Version }).ToList();
        if (page.Count == 0)
        {
            Interlocked.Increment(ref _complete);
        }

        return Results.Json(page, Json.Options);
    }
}
