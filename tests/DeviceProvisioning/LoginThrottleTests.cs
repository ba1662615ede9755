using EasySmart.DeviceProvisioning.Mqtt;
using EasySmart.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Guessing is slowed where it comes from, and nobody else is.</summary>
public sealed class LoginThrottleTests(DevicesHost host)
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void Five_failures_are_free_and_then_each_doubles_the_wait_up_to_a_minute()
    {
        var throttle = New();
        var attempt = LoginAttempt.Of("pump", "192.0.2.7");
        foreach (var seconds in new[] { 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60 })
        {
            throttle.Failed(attempt);
            Assert.Equal(seconds > 0, throttle.Slows(attempt));
            _clock.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(seconds > 0 ? 1 : 0));
            Assert.Equal(seconds > 0, throttle.Slows(attempt));
            _clock.Advance(TimeSpan.FromMilliseconds(1));
            Assert.False(throttle.Slows(attempt));
        }
    }

    [Fact]
    public void A_user_name_alone_slows_nobody()
    {
        var throttle = New();
        for (var i = 0; i < 10_000; i++)
        {
            throttle.Failed(LoginAttempt.Of("pump", $"10.0.{i / 250}.{i % 250}"));
        }

        Assert.False(throttle.Slows(LoginAttempt.Of("pump", "192.0.2.7")));
        Assert.False(throttle.SlowsStranger(LoginAttempt.Of("pump", "192.0.2.7")));
    }

    [Fact]
    public void Where_the_broker_names_no_address_nothing_is_slowed()
    {
        var throttle = New();
        foreach (var peerhost in new[] { null, "", "undefined" })
        {
            var attempt = LoginAttempt.Of("pump", peerhost);
            Fail(throttle, attempt, 1000);
            Assert.False(throttle.Slows(attempt) || throttle.SlowsStranger(attempt));
        }
    }

    [Fact]
    public void Success_forgets_the_failures_of_that_user_name_there_only()
    {
        var throttle = New();
        var (one, another) = (LoginAttempt.Of("one", "192.0.2.7"), LoginAttempt.Of("another", "192.0.2.7"));
        Fail(throttle, one, 4);
        Fail(throttle, another, 4);
        throttle.Passed(one);
        throttle.Failed(one);
        throttle.Failed(another);
        Assert.False(throttle.Slows(one));
        Assert.True(throttle.Slows(another));
    }

    [Fact]
    public void Who_got_in_from_an_address_lately_is_no_stranger_there_whatever_others_do()
    {
        var throttle = New();
        var (known, stranger) = (LoginAttempt.Of("known", "192.0.2.7"), LoginAttempt.Of("stranger", "192.0.2.7"));
        throttle.Passed(known);
        _clock.Advance(TimeSpan.FromMinutes(30));
        Flood(throttle, "192.0.2.7", 120);
        Assert.False(throttle.SlowsStranger(stranger));
        Flood(throttle, "192.0.2.7", 1);
        Assert.True(throttle.SlowsStranger(stranger));
        Assert.False(throttle.SlowsStranger(known));
        Assert.False(throttle.SlowsStranger(LoginAttempt.Of("stranger", "192.0.2.8")));

        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.False(throttle.SlowsStranger(stranger));
        _clock.Advance(TimeSpan.FromMinutes(30));
        Flood(throttle, "192.0.2.7", 121);
        Assert.True(throttle.SlowsStranger(known));
    }

    [Theory]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("192.0.2.7", "::ffff:192.0.2.7", true)]
    [InlineData("192.0.2.7", "192.0.2.8", false)]
    public void An_address_is_one_of_IPv4_or_a_64_of_IPv6(string one, string another, bool same) =>
        Assert.Equal(same, LoginAttempt.Of("pump", one) == LoginAttempt.Of("pump", another));

    [Fact]
    public void However_an_id_is_written_it_is_one_user_name()
    {
        var id = Guid.CreateVersion7();
        Assert.Single(new[] { id.ToString(), id.ToString("N"), id.ToString("B"), id.ToString().ToUpperInvariant(), $" {id} " }
            .Select(name => LoginAttempt.Of(name, "192.0.2.7")).Distinct());
    }

    [Fact]
    public void What_is_remembered_is_bounded_and_the_newest_stays()
    {
        var throttle = New(new() { Remembered = 1000 });
        var (first, last) = (LoginAttempt.Of("first", "192.0.2.7"), LoginAttempt.Of("last", "192.0.2.7"));
        Fail(throttle, first, 5);
        Assert.True(throttle.Slows(first));
        for (var i = 0; i < 100_000; i++)
        {
            throttle.Failed(LoginAttempt.Of($"name {i}", $"2001:db8:{i / 65536:x}:{i % 65536:x}::1"));
        }

        Fail(throttle, last, 5);
        Assert.True(throttle.Slows(last));
        Assert.False(throttle.Slows(first));
    }

    [Fact]
    public async Task Guesses_from_one_address_keep_a_device_out_nowhere_else()
    {
        var device = await host.Installer(Guid.CreateVersion7()).ProvisionAsync();
        var (broker, guesser) = (host.Broker(), Calls.NewAddress());
        for (var i = 0; i < 12; i++)
        {
            Assert.Equal("deny", await broker.ResultOfAsync(device.mqtt_username, $"guess {i}", peerhost: guesser));
        }

        Assert.Equal("allow", await broker.ResultOfAsync(device.mqtt_username, device.device_secret));
    }

    [Fact]
    public async Task Devices_that_memory_knows_get_in_where_others_fail_without_end()
    {
        var device = await host.Installer(Guid.CreateVersion7()).ProvisionAsync();
        await host.KnowsAsync(device);
        var (broker, site) = (host.Broker(), Calls.NewAddress());
        using var slowed = new Counted(host, "mqtt.logins", "slowed");
        for (var i = 0; i < 130; i++)
        {
            await broker.LogInAsync(Guid.NewGuid().ToString(), "guess", peerhost: site);
        }

        Assert.Equal("allow", await broker.ResultOfAsync(device.mqtt_username, device.device_secret, peerhost: site));
        Assert.True(slowed.Sum > 0);
    }

    private LoginThrottle New(LoginThrottleOptions? options = null) => new(Options.Create(options ?? new()), _clock);

    private static void Fail(LoginThrottle throttle, LoginAttempt attempt, int times)
    {
        for (var i = 0; i < times; i++)
        {
            throttle.Failed(attempt);
        }
    }

    private static void Flood(LoginThrottle throttle, string address, int times)
    {
        for (var i = 0; i < times; i++)
        {
            throttle.Failed(LoginAttempt.Of($"any {i}", address));
        }
    }
}
