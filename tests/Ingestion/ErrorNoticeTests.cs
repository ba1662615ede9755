using System.Collections.Concurrent;
using System.Text.Json;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Hosting;
using EasySmart.Ingestion.Batches;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Mqtt;
using EasySmart.Ingestion.Parsing;
using EasySmart.Ingestion.Rejected;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using MQTTnet;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>A device hears on events/errors that its messages are refused: once a minute for each reason, through a real broker.</summary>
public sealed class ErrorNoticeTests(UndisturbedHost host) : IClassFixture<UndisturbedHost>
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private NpgsqlDataSource Database => host.Services.GetRequiredKeyedService<NpgsqlDataSource>(DataSources.System);

    [Fact]
    public async Task A_device_hears_why_in_the_form_that_it_can_read()
    {
        var device = host.Owner.Put(_tenant);
        using var ear = await Ear.OpenAsync(host, _tenant);
        await host.Broker.PublishAsync((device.Topic(3), "{"), (device.Topic(3), "1"), (device.Topic(40_000), "1"));
        // As one of its own, though the topic names another tenant.
        await host.Broker.PublishAsync(((device with { TenantId = Guid.CreateVersion7() }).Topic(), "1"));
        await Eventually.TrueAsync(() => Task.FromResult(ear.Heard.Count == 3));
        Assert.All(ear.Heard, one => Assert.Equal($"tenants/{_tenant}/devices/{device.DeviceId}/events/errors", one.Topic));
        Assert.Equal(["bad_json", "bad_slot", "tenant_mismatch"], ear.Heard.Select(one => one.Text("reason")).Order());
        var notice = ear.Heard.Single(one => one.Text("reason") == "bad_json");
        Assert.Equal(["reason", "message", "count", "topic", "at"], notice.Content.EnumerateObject().Select(field => field.Name));
        Assert.Equal(("The payload is not JSON", 1, device.Topic(3)), (notice.Text("message"), notice.Count, notice.Text("topic")));
        Assert.EndsWith("Z", notice.Text("at"), StringComparison.Ordinal);
        Assert.InRange(notice.Content.GetProperty("at").GetDateTimeOffset(), DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow);
    }

    [Fact]
    public async Task For_each_reason_once_a_minute_with_what_came_since()
    {
        var device = Guid.CreateVersion7();
        using var ear = await Ear.OpenAsync(host, _tenant);
        using var notices = await NoticesAsync();
        notices.Tell(Refused(device, Rejections.BadJson, 5));
        await HeardAsync(ear, "bad_json 5");
        foreach (var seconds in new[] { 0, 20, 39 })
        {
            _clock.Advance(TimeSpan.FromSeconds(seconds));
            notices.Tell(Refused(device, Rejections.BadJson, 2));
        }

        // What was due before it would have been heard before it.
        notices.Tell(Refused(device, Rejections.TooLarge, 1));
        await HeardAsync(ear, "bad_json 5", "too_large 1");
        _clock.Advance(TimeSpan.FromSeconds(1));
        notices.Tell(Refused(device, Rejections.BadJson, 1));
        await HeardAsync(ear, "bad_json 5", "too_large 1", "bad_json 7");
    }

    [Fact]
    public async Task Two_instances_together_once_a_minute()
    {
        var device = Guid.CreateVersion7();
        using var ear = await Ear.OpenAsync(host, _tenant);
        using var first = await NoticesAsync();
        using var second = await NoticesAsync();
        first.Tell(Refused(device, Rejections.BadJson, 1));
        await HeardAsync(ear, "bad_json 1");
        _clock.Advance(TimeSpan.FromSeconds(59));
        second.Tell(Refused(device, Rejections.BadJson, 2));
        second.Tell(Refused(device, Rejections.TooLarge, 1));
        await HeardAsync(ear, "bad_json 1", "too_large 1");
        _clock.Advance(TimeSpan.FromSeconds(60));
        second.Tell(Refused(device, Rejections.BadJson, 3));
        await HeardAsync(ear, "bad_json 1", "too_large 1", "bad_json 5");
    }

    [Fact]
    public async Task Many_devices_at_once_and_none_that_is_not_known()
    {
        var devices = Enumerable.Range(0, 200).Select(_ => Guid.CreateVersion7()).ToArray();
        using var ear = await Ear.OpenAsync(host, _tenant);
        using var notices = await NoticesAsync();
        var log = new RejectionLog();
        foreach (var device in devices)
        {
            log.Add(Message(device, known: true), Rejections.BadJson, default);
            log.Add(Message(Guid.CreateVersion7(), known: false), Rejections.UnknownDevice, default);
        }

        notices.Tell(log);
        await Eventually.TrueAsync(() => Task.FromResult(ear.Heard.Count == devices.Length));
        Assert.Equal(devices.Select(device => $"tenants/{_tenant}/devices/{device}/events/errors").Order(), ear.Heard.Select(one => one.Topic).Order());
    }

    [Fact]
    public async Task Without_the_broker_a_notice_is_dropped_and_the_refusal_is_committed_all_the_same()
    {
        await using var other = await new ScriptedHost().StartAsync();
        await Eventually.TrueAsync(() => Task.FromResult(other.Services.GetRequiredService<TelemetrySession>().IsUp));
        other.Wire.Break();
        await Eventually.TrueAsync(() => Task.FromResult(!other.Services.GetRequiredService<TelemetrySession>().IsUp));
        var device = Guid.CreateVersion7();
        await other.Services.GetRequiredService<BatchWriter>().WriteAsync([Message(device, known: true, Rejections.BadJson)], Cancellation);
        Assert.Equal(1, await other.ScalarAsync<long>("SELECT count(*) FROM rejections WHERE device_id = $1", device));

        // It comes back, and from the next refusal on notices do too. The first one was told to nobody, and keeps nobody from telling.
        await other.Wire.AcceptAsync(sessionPresent: true);
        await Eventually.TrueAsync(() => Task.FromResult(other.Services.GetRequiredService<TelemetrySession>().IsUp));
        await other.Services.GetRequiredService<BatchWriter>().WriteAsync([Message(device, known: true, Rejections.TooLarge)], Cancellation);
        await Eventually.TrueAsync(async () => await other.ScalarAsync<string>("SELECT string_agg(reason, ' ') FROM error_notices") == "too_large");
    }

    private async Task<ErrorNotices> NoticesAsync()
    {
        var notices = new ErrorNotices(Database, host.Services.GetRequiredService<TelemetrySession>(), _clock, NullLogger<ErrorNotices>.Instance);
        await notices.StartAsync(Cancellation);
        return notices;
    }

    private static Task HeardAsync(Ear ear, params string[] expected) => Eventually.TrueAsync(() =>
    {
        var heard = ear.Heard.Select(one => $"{one.Text("reason")} {one.Count}").ToArray();
        return heard.SequenceEqual(expected) ? Task.FromResult(true) : throw new InvalidOperationException($"Heard: {string.Join(", ", heard)}");
    });

    private RejectionLog Refused(Guid device, string reason, int count)
    {
        var log = new RejectionLog();
        for (var i = 0; i < count; i++)
        {
            log.Add(Message(device, known: true), reason, default);
        }

        return log;
    }

    private Message Message(Guid device, bool known, string? reason = null) => new(new TestOwner.Device(device, _tenant, null, DeviceStatus.Active, 1).Topic(), "{"u8.ToArray(), new Nobody())
    {
        TenantId = _tenant,
        DeviceId = device,
        Device = known ? new KnownDevice(device, _tenant, DeviceStatus.Active, 1) : null,
        ReceivedAt = ReadingTime.Micros(_clock.GetUtcNow()),
        Rejection = reason,
    };

    private sealed class Nobody : IMessageSource
    {
        public ValueTask CommittedAsync(IReadOnlyList<Message> messages) => ValueTask.CompletedTask;
    }

    private sealed record Notice(string Topic, JsonElement Content)
    {
        public long Count => Content.GetProperty("count").GetInt64();

        public string Text(string field) => Content.GetProperty(field).GetString()!;
    }

    /// <summary>Hears what a tenant's devices are told, in its order.</summary>
    private sealed class Ear(IMqttClient client) : IDisposable
    {
        public ConcurrentQueue<Notice> Heard { get; } = new();

        public static async Task<Ear> OpenAsync(IngestionHost host, Guid tenant)
        {
            var client = await host.Broker.ConnectAsync();
            var ear = new Ear(client);
            client.ApplicationMessageReceivedAsync += received =>
            {
                ear.Heard.Enqueue(new Notice(
                    received.ApplicationMessage.Topic, JsonSerializer.Deserialize<JsonElement>(received.ApplicationMessage.ConvertPayloadToString())));
                return Task.CompletedTask;
            };
            await client.SubscribeAsync($"tenants/{tenant}/devices/+/events/errors", cancellationToken: Cancellation);
            return ear;
        }

        public void Dispose() => client.Dispose();
    }
}

/// <summary>A host whose database connections no other test cuts: what a notice wants from the database is not tried again.</summary>
public sealed class UndisturbedHost : IngestionHost;
