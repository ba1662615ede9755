using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A broker's management API as EMQX 5.8 has it, over sessions that the test made up.</summary>
public sealed class TestBrokerApi : IAsyncDisposable
{
    public const string Key = "easysmart";
    public const string Secret = "a secret of the broker's API for tests";

    private readonly ConcurrentDictionary<string, object> _sessions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Func<string>> _usernames = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _failures = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, byte> _slips = new(StringComparer.Ordinal);
    private WebApplication? _app;

    /// <summary>Client ids whose sessions were ended, in order; also of those that were not there.</summary>
    public ConcurrentQueue<string> Ended { get; } = [];

    /// <summary>User names that were asked for, in order.</summary>
    public ConcurrentQueue<string[]> Asked { get; } = [];

    /// <summary>Whether it tells all sessions. Elsewhere those that tests told of by events are in no list, and would be gone.</summary>
    public bool ListsAll { get; init; }

    /// <summary>Sessions on one page.</summary>
    public int PageSize { get; init; } = 2;

    public string Url => _app!.Urls.Single();

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Use((context, next) =>
        {
            if (context.Request.Headers.Authorization == $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Key}:{Secret}"))}")
            {
                return next(context);
            }

            context.Response.StatusCode = 401;
            return Task.CompletedTask;
        });
        _app.MapGet("/api/v5/clients", List);
        _app.MapDelete("/api/v5/clients/{clientid}", (string clientid) => End(Uri.UnescapeDataString(clientid)));
        await _app.StartAsync();
    }

    /// <summary>The broker has a session.</summary>
    public void Add(string clientId, string username, DeviceOf? device = null, Guid? credential = null, DateTimeOffset? connectedAt = null,
        bool connected = true, DateTimeOffset? disconnectedAt = null, int expiry = 0, string address = "192.0.2.9")
    {
        _usernames[clientId] = () => username;
        _sessions[clientId] = new
        {
            clientid = clientId,
            username,
            client_attrs = device is null ? [] : new Dictionary<string, string?>
            {
                ["tenant_id"] = device.Tenant.ToString(),
                ["device_id"] = device.Id.ToString(),
                ["credential_id"] = credential?.ToString() ?? "",
            },
            connected,
            connected_at = (connectedAt ?? DateTimeOffset.UtcNow).ToOffset(TimeSpan.FromHours(2)).ToString("yyyy-MM-dd'T'HH:mm:ss.fffzzz"),
            disconnected_at = disconnectedAt?.ToString("yyyy-MM-dd'T'HH:mm:ss.fffzzz"),
            ip_address = address,
            expiry_interval = expiry,
        };
    }

    public void Remove(string clientId) => _sessions.TryRemove(clientId, out _);

    /// <summary>The next list is without this session, which slipped through between two pages.</summary>
    public void SlipOnce(string clientId) => _slips[clientId] = 0;

    /// <summary>Whether that list is still to come.</summary>
    public bool WillSlip(string clientId) => _slips.ContainsKey(clientId);

    /// <summary>So often it fails to end this session.</summary>
    public void Fail(string clientId, int times) => _failures[clientId] = times;

    public int EndsOf(string clientId) => Ended.Count(ended => ended == clientId);

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }
    }

    private IResult List(HttpContext context)
    {
        var query = context.Request.Query;
        var names = query["username"].ToArray();
        if (names.Length == 0 && !ListsAll)
        {
            return Results.StatusCode(503);
        }

        Asked.Enqueue(names!);

        var page = int.Parse(query["page"]!);
        var found = _sessions.Where(s => names.Length == 0 || names.Contains(_usernames[s.Key]())).OrderBy(s => s.Key, StringComparer.Ordinal)
            .Where(s => !_slips.ContainsKey(s.Key)).Select(s => s.Value).ToList();
        if (page * PageSize >= found.Count)
        {
            _slips.Clear();
        }

        return Results.Json(new
        {
            data = found.Skip((page - 1) * PageSize).Take(PageSize),
            meta = new { page, limit = PageSize, count = found.Count, hasnext = page * PageSize < found.Count },
        });
    }

    private IResult End(string clientId)
    {
        if (_failures.TryGetValue(clientId, out var left) && left > 0)
        {
            _failures[clientId] = left - 1;
            return Results.StatusCode(503);
        }

        Ended.Enqueue(clientId);
        return _sessions.TryRemove(clientId, out _) ? Results.NoContent() : Results.NotFound();
    }
}
