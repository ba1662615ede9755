using EasySmart.Hosting;
using EasySmart.Ingestion.Quotas;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>Whatever keeps messages waiting at the broker is an outage, for as long as it lasts; that nobody sends is none.</summary>
public sealed class AwayTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private readonly FakeTimeProvider _clock = new();
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task A_reader_that_is_held_up_by_unknown_devices_is_one()
    {
        await using var host = await HostAsync(("Ingestion:WaitingMessages", "1"));
        var known = host.Owner.Put(_tenant);
        await TakenAsync(host, 1, known);
        host.Owner.Down = true;
        var unknown = host.Owner.Put(_tenant);
        await host.Wire.DeliverAsync(2, unknown.Topic(), "2");
        await EndsUpAsync(host, away: false);
        await host.Wire.DeliverAsync(3, unknown.Topic(), "3");
        await EndsUpAsync(host, away: true);
        host.Owner.Down = false;
        await TakenAsync(host, 4, known);
        Assert.True(OutagesOf(host).Recent()!.Length >= Long);
    }

    [Fact]
    public async Task A_database_that_is_away_is_one_once_no_more_can_be_held()
    {
        await using var host = await HostAsync(("Mqtt:ReceiveMaximum", "10"), ("Ingestion:WaitingMessages", "1"), ("Ingestion:LateMessages", "1"));
        var device = host.Owner.Put(_tenant);
        await TakenAsync(host, 1, device);
        await host.Database.SetReachableAsync(false);
        for (ushort i = 2; i <= 10; i++)
        {
            await host.Wire.DeliverAsync(i, device.Topic(), $"{i}");
        }

        await EndsUpAsync(host, away: false);
        await host.Wire.DeliverAsync(11, device.Topic(), "11");
        await EndsUpAsync(host, away: true);
        await host.Database.SetReachableAsync(true);
        await TakenAsync(host, 12, device);
        Assert.True(OutagesOf(host).Recent()!.Length >= Long);
    }

    [Fact]
    public async Task A_connection_that_is_lost_is_one_and_one_on_which_nothing_comes_is_none()
    {
        await using var host = await HostAsync();
        await EndsUpAsync(host, away: false);
        host.Wire.Break();
        await EndsUpAsync(host, away: true);
        await host.Wire.AcceptAsync(sessionPresent: true);
        await Eventually.TrueAsync(() => Task.FromResult(OutagesOf(host).Away == TimeSpan.Zero));
        Assert.True(OutagesOf(host).Recent()!.Length >= Long);
    }

    [Fact]
    public async Task A_start_reckons_from_the_last_heartbeat()
    {
        await using var host = await HostAsync();
        await host.ScalarAsync<int>(
            "INSERT INTO heartbeats VALUES ($1, now() - interval '1 hour') ON CONFLICT (client_id) DO UPDATE SET at = excluded.at", host.Session);
        var outages = new Outages(Options.Create(new IngestionOptions()), _clock);
        await using var connection = await host.Services.GetRequiredKeyedService<NpgsqlDataSource>(DataSources.System)
            .OpenConnectionAsync(TestContext.Current.CancellationToken);
        await Heartbeat.ResumeAsync(connection, host.Session, outages, TestContext.Current.CancellationToken);
        Assert.Equal(60, Math.Round(outages.Away.TotalMinutes));
    }

    private async Task<ScriptedHost> HostAsync(params (string Key, string Value)[] settings)
    {
        var host = new OutageHost(_clock);
        foreach (var (key, value) in settings)
        {
            host.Special[key] = value;
        }

        return await host.StartAsync();
    }

    private static Outages OutagesOf(ScriptedHost host) => host.Services.GetRequiredService<Outages>();

    private static async Task TakenAsync(ScriptedHost host, ushort packet, TestOwner.Device device)
    {
        await host.Wire.DeliverAsync(packet, device.Topic(), $"{packet}");
        await Eventually.TrueAsync(() => Task.FromResult(host.Wire.Acknowledged.Contains(packet)));
    }

    // Whether time passes without anything being taken.
    private Task EndsUpAsync(ScriptedHost host, bool away) => Eventually.TrueAsync(() =>
    {
        _clock.Advance(Long);
        return Task.FromResult(OutagesOf(host).Away >= Long == away);
    });

    private sealed class OutageHost(FakeTimeProvider clock) : ScriptedHost
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            base.ConfigureWebHost(builder);
            builder.ConfigureServices(services => services.AddSingleton(
                provider => new Outages(provider.GetRequiredService<IOptions<IngestionOptions>>(), clock)));
        }
    }
}
