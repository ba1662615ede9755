using EasySmart.DeviceProvisioning.Devices;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A new secret in place of the old one, on the role of callers and on that of work without one.</summary>
public sealed class RotationTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Without_overlap_the_old_one_is_dead_and_its_sessions_are_owed_their_end(bool caller)
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var old = await host.ScalarAsync<Guid>("SELECT id FROM credentials WHERE device_id = $1", device.device_id);
        var (secret, ends) = await RotateAsync(device.device_id, TimeSpan.Zero, caller);
        Assert.Matches("^[0-9a-f]{64}$", secret);
        Assert.Equal("deny", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
        Assert.Equal("allow", await host.Broker().ResultOfAsync(device.mqtt_username, secret));
        var end = Assert.Single(ends);
        Assert.Equal((_tenant, device.device_id, old, device.device_label), (end.TenantId, end.DeviceId!.Value, end.CredentialId!.Value, end.Label));
        Assert.True(end.DueAt <= DateTimeOffset.UtcNow);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task With_overlap_the_earlier_ones_pass_until_their_own_time(bool caller)
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var (second, ends) = await RotateAsync(device.device_id, TimeSpan.FromHours(2), caller);
        Assert.Equal("allow", await host.Broker().ResultOfAsync(device.mqtt_username, device.device_secret));
        Assert.Equal("allow", await host.Broker().ResultOfAsync(device.mqtt_username, second));
        var first = Assert.Single(ends);
        Assert.NotNull(first.CredentialId);
        Assert.InRange(first.DueAt - DateTimeOffset.UtcNow, TimeSpan.FromHours(1), TimeSpan.FromHours(3));

        // What was promised to the first is kept, whatever overlap the second is given; and nobody is told of its end twice.
        var (third, further) = await RotateAsync(device.device_id, TimeSpan.FromMinutes(1), caller);
        foreach (var secret in new[] { device.device_secret, second, third })
        {
            Assert.Equal("allow", await host.Broker().ResultOfAsync(device.mqtt_username, secret));
        }

        var end = Assert.Single(further);
        Assert.NotEqual(first.CredentialId, end.CredentialId);
        Assert.True(end.DueAt < first.DueAt);
    }

    [Fact]
    public async Task Of_many_with_overlap_eight_pass()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var secrets = new List<string> { device.device_secret };
        for (var i = 0; i < 9; i++)
        {
            secrets.Add((await RotateAsync(device.device_id, TimeSpan.FromHours(2), caller: true)).Secret);
        }

        var passed = new List<string>();
        foreach (var secret in secrets)
        {
            passed.AddRange(await host.Broker().ResultOfAsync(device.mqtt_username, secret) == "allow" ? [secret] : []);
        }

        Assert.Equal(secrets[2..], passed);
    }

    [Fact]
    public async Task A_window_that_is_running_out_is_not_made_longer()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var until = new DateTime(2100, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        await host.ScalarAsync<object>("UPDATE credentials SET valid_until = $2 WHERE device_id = $1", device.device_id, DateTime.UtcNow.AddMinutes(1));
        await RotateAsync(device.device_id, TimeSpan.FromHours(2), caller: true);
        Assert.True(await host.ScalarAsync<bool>(
            "SELECT min(valid_until) < now() + interval '2 minutes' FROM credentials WHERE device_id = $1 AND valid_until < $2", device.device_id, until));
    }

    private async Task<(string Secret, List<SessionEnd> Ends)> RotateAsync(Guid id, TimeSpan overlap, bool caller)
    {
        await using var scope = host.Services.CreateAsyncScope();
        var db = caller
            ? scope.ServiceProvider.GetRequiredService<DevicesDb>()
            : scope.ServiceProvider.GetRequiredService<SystemContext<DevicesDb>>().Value;
        await using var transaction = caller
            ? await db.Database.BeginTenantAsync(_tenant, Cancellation)
            : await db.Database.BeginTransactionAsync(Cancellation);
        var device = caller
            ? (await db.LockDeviceAsync(_tenant, id, Cancellation))!
            : await db.Devices.SingleAsync(d => d.Id == id, Cancellation);
        var secret = await Rotation.RotateAsync(db, device, overlap, DateTimeOffset.UtcNow, Cancellation);
        // Looked at here: once committed, they are worked off.
        var ends = db.ChangeTracker.Entries<SessionEnd>().Select(e => e.Entity).ToList();
        await db.SaveChangesAsync(Cancellation);
        await transaction.CommitAsync(Cancellation);
        scope.ServiceProvider.GetRequiredService<Mqtt.LoginMemory>().Forget(id);
        return (secret, ends);
    }
}
