using System.Collections.Concurrent;
using EasySmart.Contracts.Identity;
using EasySmart.DeviceProvisioning.Tenants;
using EasySmart.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>What is known here of the tenants, and what a suspension does.</summary>
public sealed class TenantTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task A_suspension_owes_all_of_the_tenants_sessions_an_end()
    {
        await TellAsync("suspended", 2);
        await HeldAsync(host, "suspended:2");
        Assert.Equal(1, await EndsAsync(host, _tenant));
        await TellAsync("active", 3);
        await HeldAsync(host, "active:3");
        Assert.Equal(1, await EndsAsync(host, _tenant));
        await TellAsync("suspended", 4);
        await HeldAsync(host, "suspended:4");
        Assert.Equal(2, await EndsAsync(host, _tenant));
    }

    [Fact]
    public async Task The_newer_version_wins_in_whatever_order_they_come()
    {
        await TellAsync("active", 7);
        await HeldAsync(host, "active:7");
        await TellAsync("suspended", 6);
        // What is late is taken in when as many others as are taken in at a time have been, and changes nothing.
        for (var i = 0; i < 40; i++)
        {
            await TellAsync("active", 8 + i);
        }

        await HeldAsync(host, "active:47");
        Assert.Equal(0, await EndsAsync(host, _tenant));
        Assert.Equal(0L, await host.ScalarAsync<long>(
            "SELECT count(*) FROM tenants WHERE tenant_id = $1 AND status <> 'active'", _tenant));
    }

    [Fact]
    public async Task At_start_it_is_filled_from_Identity_and_who_was_suspended_meanwhile_is_sent_away_once()
    {
        var asked = new ConcurrentQueue<string>();
        var tenants = Enumerable.Range(0, 5).Select(_ => Guid.CreateVersion7()).Append(_tenant).Order().ToArray();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var identity = builder.Build();
        identity.MapGet("/internal/tenants", (Guid after, int limit, HttpContext context) =>
        {
            asked.Enqueue(context.Request.Headers["X-EasySmart-Service-Key"].ToString());
            return asked.Count == 1 ? Results.StatusCode(503) : Results.Json(tenants.Where(t => t.CompareTo(after) > 0).Take(Math.Min(limit, 4)).Select(
                t => new { tenant_id = t, status = t == _tenant ? "suspended" : "active", version = 2 }));
        });
        await identity.StartAsync(TestContext.Current.CancellationToken);
        await using var first = new HostBeside(ApplyTenantStatus.Replica.AddressKey, identity.Urls.Single());
        await first.InitializeAsync();
        await HeldAsync(first, "suspended:2");
        await Eventually.TrueAsync(() => Task.FromResult(asked.Count == 4));
        Assert.Equal(6L, await first.ScalarAsync<long>("SELECT count(*) FROM tenants"));
        Assert.Equal(1, await EndsAsync(first, _tenant));
        Assert.Equal(1L, await first.ScalarAsync<long>("SELECT count(*) FROM owed_ends"));
        Assert.All(asked, key => Assert.Equal(DevicesHost.ServiceKey, key));

        // Filled once more: nothing is new.
        await using (await first.RestartedAsync((ApplyTenantStatus.Replica.AddressKey, identity.Urls.Single())))
        {
            await Eventually.TrueAsync(() => Task.FromResult(asked.Count == 7));
        }

        Assert.Equal(1, await EndsAsync(first, _tenant));
    }

    private Task TellAsync(string status, long version) => host.Events.PublishAsync(
        new TenantStatusChanged { OccurredAt = DateTimeOffset.UtcNow, TenantId = _tenant, Name = "Plant", Status = status, Version = version });

    private Task HeldAsync(DevicesHost at, string state) => Eventually.TrueAsync(async () =>
        await at.ScalarAsync<string>("SELECT status || ':' || version FROM tenants WHERE tenant_id = $1", _tenant) == state);

    private static Task<long> EndsAsync(DevicesHost at, Guid tenant) => at.ScalarAsync<long>(
        "SELECT count(*) FROM owed_ends WHERE tenant_id = $1 AND device_id IS NULL AND credential_id IS NULL AND due_at <= now()", tenant);
}
