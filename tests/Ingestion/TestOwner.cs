using System.Collections.Concurrent;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EasySmart.Ingestion.Tests;

/// <summary>DeviceProvisioning's internal endpoints over real HTTP, with devices that a test makes up.</summary>
public sealed class TestOwner : IAsyncDisposable
{
    public const string Key = "a-service-key-of-more-than-32-characters";
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<Guid, Device> _devices = new();
    private long _version;

    private TestOwner(WebApplication app) => _app = app;

    /// <summary>How often each device was asked about.</summary>
    public ConcurrentDictionary<Guid, int> Asked { get; } = new();

    /// <summary>Answers 503 while set.</summary>
    public bool Down { get; set; }

    public string Address => _app.Urls.First();

    public static async Task<TestOwner> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var owner = new TestOwner(builder.Build());
        owner._app.MapGet("/internal/devices/{id:guid}", (Guid id, HttpRequest request) => owner.Answer(request, () =>
        {
            owner.Asked.AddOrUpdate(id, 1, (_, count) => count + 1);
            return owner._devices.TryGetValue(id, out var device)
                ? Results.Json(device, Json.Options)
                : Results.Json(new { code = "not_found", message = "No such device", request_id = "x" }, statusCode: 404);
        }));
        owner._app.MapGet("/internal/devices", (long after, int limit, HttpRequest request) => owner.Answer(request, () => Results.Json(
            owner._devices.Values.Where(d => d.Version > after).OrderBy(d => d.Version).Take(limit), Json.Options)));
        await owner._app.StartAsync();
        return owner;
    }

    /// <summary>A device from now on, or another state of one.</summary>
    public Device Put(Guid? tenant, DeviceStatus status = DeviceStatus.Active, Guid? id = null)
    {
        var device = new Device(id ?? Guid.CreateVersion7(), tenant, "label", status, Interlocked.Increment(ref _version));
        return _devices[device.DeviceId] = device;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private IResult Answer(HttpRequest request, Func<IResult> answer) =>
        Down ? Results.StatusCode(503) : request.Headers["X-EasySmart-Service-Key"] != Key ? Results.StatusCode(401) : answer();

    public sealed record Device(Guid DeviceId, Guid? TenantId, string? DeviceLabel, DeviceStatus Status, long Version)
    {
        public string Topic(int slot = 0) => $"tenants/{TenantId}/devices/{DeviceId}/telemetry/slot/{slot}";
    }
}
