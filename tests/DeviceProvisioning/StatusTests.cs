using System.Text;
using EasySmart.DeviceProvisioning.Messages;
using EasySmart.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>What devices say of themselves on their status topic.</summary>
public sealed class StatusTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    [Fact]
    public async Task A_device_says_that_it_is_there_and_its_last_will_that_it_is_not()
    {
        var provisioned = await host.Installer(_tenant).ProvisionAsync();
        var own = $"tenants/{_tenant}/devices/{provisioned.device_id}/status";
        using (var device = await MqttDevice.ConnectAsync(host, provisioned, with: o => o.WithWillTopic(own).WithWillPayload("offline").WithWillRetain()))
        {
            await host.ScalarAsync<object>("UPDATE devices SET last_seen_at = NULL WHERE id = $1", provisioned.device_id);
            await device.PublishAsync("status", """{"status": "online", "firmware_version": "1.4.2"}""", retain: true);
            await ReportsAsync(provisioned.device_id, "online");
            Assert.Equal("1.4.2", await host.ScalarAsync<string>("SELECT firmware_version FROM devices WHERE id = $1", provisioned.device_id));
            Assert.True(await host.ScalarAsync<bool>("SELECT last_seen_at = reported_at FROM devices WHERE id = $1", provisioned.device_id));
        }

        await ReportsAsync(provisioned.device_id, "offline");
        Assert.True(await host.ScalarAsync<bool>("SELECT last_seen_at < reported_at FROM devices WHERE id = $1", provisioned.device_id));
        Assert.Equal("1.4.2", await host.ScalarAsync<string>("SELECT firmware_version FROM devices WHERE id = $1", provisioned.device_id));
    }

    [Fact]
    public async Task Garbage_is_passed_over_and_the_newest_of_many_stays()
    {
        var provisioned = await host.Installer(_tenant).ProvisionAsync();
        using var device = await MqttDevice.ConnectAsync(host, provisioned);
        for (var i = 0; i < 20; i++)
        {
            await device.PublishAsync("status", "online");
            await device.PublishAsync("status", "on fire");
            await device.PublishAsync("status", $$"""{"status": "offline", "firmware_version": "{{i}}"}""");
            await device.PublishAsync("status", new string(' ', 5000) + "online");
        }

        await device.PublishAsync("status", "\"online\"");
        await Eventually.TrueAsync(async () => await host.ScalarAsync<string>(
            "SELECT reported || firmware_version FROM devices WHERE id = $1", provisioned.device_id) == "online19");
    }

    [Fact]
    public async Task A_device_that_has_changed_hands_says_nothing_to_its_new_tenant()
    {
        var provisioned = await host.Installer(_tenant).ProvisionAsync();
        using var device = await MqttDevice.ConnectAsync(host, provisioned);
        await host.ScalarAsync<object>("UPDATE devices SET tenant_id = gen_random_uuid() WHERE id = $1", provisioned.device_id);
        await device.PublishAsync("status", "online");
        var witness = await host.Installer(_tenant).ProvisionAsync();
        using var second = await MqttDevice.ConnectAsync(host, witness);
        await second.PublishAsync("status", "online");
        await ReportsAsync(witness.device_id, "online");
        Assert.Null(await host.ScalarAsync<string>("SELECT reported FROM devices WHERE id = $1", provisioned.device_id));
    }

    [Fact]
    public async Task What_the_broker_had_kept_counts_only_where_it_says_something_else()
    {
        var device = await host.DeviceAsync(_tenant);
        var at = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);
        var writer = host.Services.GetRequiredService<MessageWriter>();
        await writer.WriteAsync([new StatusReport(_tenant, device.Id, at, "online", "1", Replayed: false)], TestContext.Current.CancellationToken);
        await writer.WriteAsync([new StatusReport(_tenant, device.Id, at.AddDays(1), "online", "1", Replayed: true)], TestContext.Current.CancellationToken);
        Assert.Equal(at.UtcDateTime, await host.ScalarAsync<DateTime>("SELECT reported_at FROM devices WHERE id = $1", device.Id));
        await writer.WriteAsync([new StatusReport(_tenant, device.Id, at.AddDays(1), "offline", null, Replayed: true)], TestContext.Current.CancellationToken);
        await writer.WriteAsync([new StatusReport(_tenant, device.Id, at.AddHours(1), "online", null, Replayed: false)], TestContext.Current.CancellationToken);
        await ReportsAsync(device.Id, "offline");
        Assert.Equal(at.UtcDateTime, await host.ScalarAsync<DateTime>("SELECT last_seen_at FROM devices WHERE id = $1", device.Id));
    }

    [Fact]
    public async Task Who_says_again_and_again_that_it_is_there_is_written_down_once_a_minute()
    {
        var device = await host.DeviceAsync(_tenant);
        var at = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);
        var writer = host.Services.GetRequiredService<MessageWriter>();
        foreach (var (seconds, status, firmware, written) in new[]
        {
            (0, "online", "1", 0), (59, "online", "1", 0), (59, "online", null, 0), (60, "online", "1", 60), (61, "online", "2", 61),
            (62, "offline", null, 62), (63, "offline", null, 63), (64, "online", null, 64), (65, "online", null, 64),
        })
        {
            await writer.WriteAsync(
                [new StatusReport(_tenant, device.Id, at.AddSeconds(seconds), status, firmware, Replayed: false)], TestContext.Current.CancellationToken);
            Assert.Equal(
                at.AddSeconds(written).UtcDateTime, await host.ScalarAsync<DateTime>("SELECT reported_at FROM devices WHERE id = $1", device.Id));
        }
    }

    [Theory]
    [InlineData("online", "online", null)]
    [InlineData(" offline\n", "offline", null)]
    [InlineData("\"offline\"", "offline", null)]
    [InlineData("{\"status\":\"online\"}", "online", null)]
    [InlineData("{\"status\":\"online\",\"firmware_version\":null,\"uptime\":7}", "online", null)]
    [InlineData("{\"firmware_version\":\"2.0 β\",\"status\":\"offline\"}", "offline", "2.0 β")]
    [InlineData("", null, null)]
    [InlineData("Online", null, null)]
    [InlineData("true", null, null)]
    [InlineData("[\"online\"]", null, null)]
    [InlineData("{\"status\":\"online\",\"status\":\"offline\"}", null, null)]
    [InlineData("{\"status\":\"online\",\"firmware_version\":7}", null, null)]
    [InlineData("{\"status\":\"online\",\"firmware_version\":\"a\\u0000b\"}", null, null)]
    [InlineData("{\"status\":\"online\",\"firmware_version\":\"\\ud800\"}", null, null)]
    [InlineData("{\"status\":\"\\ud800\"}", null, null)]
    [InlineData("\"\\ud800\"", null, null)]
    [InlineData("{\"\\ud800\":1,\"status\":\"on\"}", null, null)]
    public void A_status_is_read(string payload, string? status, string? firmware)
    {
        var read = Read("status", Encoding.UTF8.GetBytes(payload)) as StatusReport;
        Assert.Equal((status, firmware), (read?.Status, read?.FirmwareVersion));
    }

    [Theory]
    [InlineData("{\"status\":\"ok\"}", true, null, null)]
    [InlineData("{\"status\":\"failed\",\"error\":\"stuck\"}", false, null, "stuck")]
    [InlineData("{\"status\":\"ok\",\"result\":{\"a\":[1,\"\\u0000\",1e999]}}", true, "{\"a\":[1,\"\\u0000\",1e999]}", null)]
    [InlineData("{\"status\":\"ok\",\"result\":\"\\ud800\"}", true, null, null)]
    [InlineData("{\"status\":\"ok\",\"result\":null,\"error\":\"a\\u0000b\"}", true, null, "ab")]
    public void An_answer_is_read(string payload, bool done, string? result, string? error)
    {
        var read = Assert.IsType<CommandAnswer>(Read($"events/commands/{Guid.Empty}", Encoding.UTF8.GetBytes(payload)));
        Assert.Equal((done, result, error), (read.Done, read.Result, read.Error));
    }

    [Theory]
    [InlineData("ok")]
    [InlineData("{}")]
    [InlineData("{\"status\":\"done\"}")]
    [InlineData("{\"status\":\"\\ud800\"}")]
    [InlineData("{\"status\":\"ok\",\"error\":\"\\ud800\"}")]
    [InlineData("{\"status\":\"ok\",\"result\":1,\"result\":2}")]
    public void What_is_no_answer_is_not_read(string payload) =>
        Assert.Null(Read($"events/commands/{Guid.Empty}", Encoding.UTF8.GetBytes(payload)));

    [Fact]
    public void Neither_are_bytes_that_are_no_text_nor_what_is_too_long_nor_other_topics()
    {
        Assert.Null(Read("status", [0xff, 0xfe]));
        Assert.Null(Read("status", Encoding.UTF8.GetBytes("online".PadRight(4097))));
        Assert.NotNull(Read("status", Encoding.UTF8.GetBytes("online".PadRight(4096))));
        Assert.Null(Read($"events/commands/{Guid.Empty}", Encoding.UTF8.GetBytes("{\"status\":\"ok\"}".PadRight(65_537))));
        Assert.NotNull(Read($"events/commands/{Guid.Empty}", Encoding.UTF8.GetBytes("{\"status\":\"ok\"}".PadRight(65_536))));
        Assert.Null(Read("events/commands/no-id", "{\"status\":\"ok\"}"u8.ToArray()));
        Assert.Null(Read("telemetry/slot/0", "online"u8.ToArray()));
    }

    private static DeviceMessage? Read(string topic, byte[] payload) => MessageReader.Read(
        $"tenants/{Guid.Empty}/devices/{Guid.Empty}/{topic}", payload, false, DateTimeOffset.UnixEpoch, out _);

    private Task ReportsAsync(Guid device, string status) => Eventually.TrueAsync(
        async () => await host.ScalarAsync<string>("SELECT reported FROM devices WHERE id = $1", device) == status);
}
