using EasySmart.Contracts.Identity;
using EasySmart.Hosting;
using EasySmart.Ingestion.Tenants;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>A suspended tenant's devices are refused, from every instance's memory.</summary>
public sealed class TenantTests(IngestionHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_suspended_tenant_sends_is_recorded_and_not_stored_until_it_is_active_again()
    {
        var (device, other) = (host.Owner.Put(_tenant), host.Owner.Put(Guid.CreateVersion7()));
        await host.Broker.PublishAsync((device.Topic(), "1"));
        await host.HasReadingsAsync(device, 1);

        await TellAsync(host, "suspended", 2);
        await Eventually.TrueAsync(() => Task.FromResult(ShutOut(host)));
        await host.Broker.PublishAsync((device.Topic(), "2"), (device.Topic() + "x", "2"), (device.Topic(), "not JSON"), (other.Topic(), "2"));
        await host.HasReadingsAsync(other, 1);
        await Eventually.TrueAsync(async () => await host.RejectionsOfAsync(device) == "tenant_suspended=3");
        Assert.Equal(1, await host.ReadingsOfAsync(device));
        Assert.Equal(_tenant, await host.ScalarAsync<Guid>("SELECT DISTINCT tenant_id FROM rejections WHERE device_id = $1", device.DeviceId));
        // Acknowledged: the broker keeps none of it.
        await Eventually.TrueAsync(async () => await host.Broker.PendingAsync(host.Session) == 0);

        await TellAsync(host, "active", 3);
        await Eventually.TrueAsync(() => Task.FromResult(!ShutOut(host)));
        await host.Broker.PublishAsync((device.Topic(), "3"));
        await host.HasReadingsAsync(device, 2);
    }

    [Fact]
    public async Task The_newer_version_wins_in_whatever_order_they_come_also_after_the_listener_lost_its_connection()
    {
        for (var version = 10; version < 30; version += 10)
        {
            await TellAsync(host, "suspended", version);
            await Eventually.TrueAsync(() => Task.FromResult(ShutOut(host)));
            await TellAsync(host, "active", version + 2);
            await TellAsync(host, "suspended", version + 1);
            await Eventually.TrueAsync(() => Task.FromResult(!ShutOut(host)));
            await MarkerAsync();
            Assert.Equal("active", await host.ScalarAsync<string>("SELECT status FROM tenants WHERE tenant_id = $1", _tenant));
            Assert.False(ShutOut(host));
            await host.ScalarAsync<bool>(
                "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE datname = $1 AND usename = 'ingestion_system'", host.Database.Name);
        }
    }

    [Fact]
    public async Task A_restart_knows_who_is_shut_out_without_Identity_and_hears_what_it_missed_with_it()
    {
        await using var identity = await TestTenants.StartAsync();
        foreach (var _ in Enumerable.Range(0, 5))
        {
            identity.Put(Guid.CreateVersion7(), "active", 1);
        }

        identity.Put(_tenant, "suspended", 2);
        await using var first = new ScriptedHost { Special = { [ApplyTenantStatus.Replica.AddressKey] = identity.Address } };
        await first.StartAsync();
        await Eventually.TrueAsync(() => Task.FromResult(ShutOut(first) && identity.Complete == 1));
        Assert.Equal(6, await first.ScalarAsync<long>("SELECT count(*) FROM tenants"));

        // Nothing in memory, and nobody to ask.
        await using var second = new ScriptedHost
        {
            Inherited = first.Database,
            Special = { [ApplyTenantStatus.Replica.AddressKey] = "http://127.0.0.1:1" },
        };
        await second.StartAsync();
        var device = second.Owner.Put(_tenant);
        await second.Wire.DeliverAsync(1, device.Topic(), "1");
        await Eventually.TrueAsync(() => Task.FromResult(second.Wire.Acknowledged.Count == 1));
        Assert.Equal("tenant_suspended=1", await second.RejectionsOfAsync(device));

        // It was reactivated while the service was down, and the event is still on its way.
        identity.Put(_tenant, "active", 3);
        await using var third = new ScriptedHost { Inherited = first.Database, Special = { [ApplyTenantStatus.Replica.AddressKey] = identity.Address } };
        await third.StartAsync();
        await Eventually.TrueAsync(() => Task.FromResult(!ShutOut(third)));
        third.Owner.Put(_tenant, id: device.DeviceId);
        await third.Wire.DeliverAsync(1, device.Topic(), "2");
        await Eventually.TrueAsync(() => Task.FromResult(third.Wire.Acknowledged.Count == 1));
        Assert.Equal(1, await third.ReadingsOfAsync(device));
        // The instance that was there all along hears of it too.
        await Eventually.TrueAsync(() => Task.FromResult(!ShutOut(second)));
    }

    [Fact]
    public async Task Nobody_but_the_service_itself_reads_the_table()
    {
        foreach (var role in new[] { "ingestion_app", "telemetry_query" })
        {
            await using var source = NpgsqlDataSource.Create(host.Database.For(role));
            await using var command = source.CreateCommand("SELECT FROM tenants");
            var failure = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancellation));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, failure.SqlState);
        }
    }

    private bool ShutOut(IngestionHost of) => of.Services.GetRequiredService<ShutOutTenants>().Contains(_tenant);

    private Task TellAsync(IngestionHost to, string status, long version) => TellAsync(to, _tenant, status, version);

    private static Task TellAsync(IngestionHost to, Guid tenant, string status, long version) => to.Services.GetRequiredService<IBus>().Publish(
        new TenantStatusChanged { OccurredAt = DateTimeOffset.UtcNow, TenantId = tenant, Name = "Plant", Status = status, Version = version },
        Cancellation);

    // What was told before it has been taken in when it has: one consumer takes up to 16 at a time, so more than that are told.
    private async Task MarkerAsync()
    {
        var markers = Enumerable.Range(0, 40).Select(_ => Guid.CreateVersion7()).ToArray();
        foreach (var marker in markers)
        {
            await TellAsync(host, marker, "active", 1);
        }

        await Eventually.TrueAsync(async () => await host.ScalarAsync<long>("SELECT count(*) FROM tenants WHERE tenant_id = ANY($1)", markers) == 40);
    }
}
