using System.Globalization;
using System.Net;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.Hosting;
using EasySmart.Ingestion.Devices;
using EasySmart.Ingestion.Parsing;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>From a publisher, through a real broker, to what the reader role sees.</summary>
public sealed class PathTests(IngestionHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_payload_reads_back_as_it_was_sent()
    {
        var device = host.Owner.Put(_tenant);
        var payloads = Payloads().ToList();
        await host.Broker.PublishAsync(payloads.Select((json, slot) => (device.Topic(slot), json)));
        await host.HasReadingsAsync(device, payloads.Count);

        await using var reader = NpgsqlDataSource.Create(host.Database.For("telemetry_query"));
        await using var connection = await reader.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTransactionAsync(Cancellation);
        await using var tenant = new NpgsqlCommand($"SET LOCAL app.tenant_id = '{_tenant}'", connection);
        await tenant.ExecuteNonQueryAsync(Cancellation);
        await using var command = new NpgsqlCommand(
            """
            SELECT coalesce(string_agg(sent.json::text || ' came back as ' || coalesce(l.value::text, 'nothing'), E'\n'), '')
            FROM unnest($1::jsonb[]) WITH ORDINALITY AS sent (json, n)
            LEFT JOIN tenant.latest l ON l.device_id = $2 AND l.slot = sent.n - 1
            WHERE l.value IS DISTINCT FROM sent.json
            """,
            connection);
        command.Parameters.Add(new() { Value = payloads.ToArray(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Jsonb });
        command.Parameters.Add(new() { Value = device.DeviceId });
        Assert.Equal("", await command.ExecuteScalarAsync(Cancellation));
    }

    private static IEnumerable<string> Payloads()
    {
        string[] odd =
        [
            "null", "true", "0", "-0", "\"\"", "[]", "{}", "[[[]]]", "{\"\":0}", "1e400", "1e-400", "123456789012345678901234567890.5",
            "{\"value\":1,\"value\":2}", "{\"value\":-0.0}", "{\"value\":5e-324}", "{\"value\":1.7976931348623157e308}", "{\"value\":2e308}",
            "{\"value\":9007199254740993}", "{\"value\":1.0e+2}", "{\"value\":{\"a\":[1,{\"b\":null}]}}", "\"\\u00e9é\\\"\\\\/\\b😀\\ud83d\\ude00\"",
            "{\"value\":1,\"ts\":1771156800001}", "{\"value\":1,\"ts\":\"1771156800002\"}", "{\"value\":1.5,\"ts\":\"2026-02-15T12:00:00.25Z\"}",
        ];
        var random = new Random(7);
        var numbers = Enumerable.Range(0, 600).Select(i => (i % 6) switch
        {
            0 => random.Next().ToString(CultureInfo.InvariantCulture),
            1 => (random.NextDouble() * 100).ToString("F2", CultureInfo.InvariantCulture),
            2 => random.NextDouble().ToString("R", CultureInfo.InvariantCulture),
            3 => BitConverter.Int64BitsToDouble(random.NextInt64(long.MaxValue >> 11 << 1)) is var d && double.IsFinite(d) ? d.ToString("R", CultureInfo.InvariantCulture) : "1",
            4 => $"{random.NextInt64()}{random.Next(10)}.{random.Next(1000)}",
            _ => $"{random.Next(1, 9)}.{random.Next(1, 999)}e{random.Next(-320, 320)}",
        });
        return odd.Concat(numbers.Select((number, i) => i % 2 == 0 ? $"{{\"value\":{number}}}" : $"{{\"value\":{number},\"ts\":{1771156800000 + i}}}"));
    }

    [Fact]
    public async Task A_message_that_cannot_be_stored_is_recorded_and_blocks_nobody()
    {
        var device = host.Owner.Put(_tenant);
        var foreign = host.Owner.Put(Guid.CreateVersion7());
        var suspended = host.Owner.Put(_tenant, DeviceStatus.Suspended);
        var unknown = new TestOwner.Device(Guid.CreateVersion7(), _tenant, null, DeviceStatus.Active, 1);
        var messages = new List<(string, string)>();
        for (var i = 0; i < 20; i++)
        {
            messages.AddRange([
                (device.Topic(1), $"{{\"value\":{i}}}"), (device.Topic(1), "{\"value\":"), (device.Topic(1), "\"\\u0000\""),
                (device.Topic(1).Replace("slot/1", "slot/70000", StringComparison.Ordinal), "1"), (device.Topic(1) + "/x", "1"),
                (device.Topic(1).Replace("slot", "mode", StringComparison.Ordinal), "1"),
                ((foreign with { TenantId = _tenant }).Topic(), "1"), (suspended.Topic(), "1"), (unknown.Topic(), "1"),
            ]);
        }

        await host.Broker.PublishAsync(messages);
        await host.HasReadingsAsync(device, 20);
        await Eventually.TrueAsync(async () => await host.RejectionsOfAsync(device) == "bad_json=20 bad_slot=40 bad_text=20 bad_topic=20");
        await Eventually.TrueAsync(async () => await host.RejectionsOfAsync(foreign) == "tenant_mismatch=20");
        await Eventually.TrueAsync(async () => await host.RejectionsOfAsync(suspended) == "device_inactive=20");
        await Eventually.TrueAsync(async () => await host.RejectionsOfAsync(unknown) == "unknown_device=20");
        Assert.Equal(0, await host.ReadingsOfAsync(foreign) + await host.ReadingsOfAsync(suspended) + await host.ReadingsOfAsync(unknown));
        // A tenant sees what its own devices did, and nobody sees what no device did.
        Assert.Equal(foreign.TenantId, await host.ScalarAsync<Guid>("SELECT DISTINCT tenant_id FROM rejections WHERE device_id = $1", foreign.DeviceId));
        Assert.True(await host.ScalarAsync<bool>("SELECT bool_and(tenant_id IS NULL) FROM rejections WHERE device_id = $1", unknown.DeviceId));
        Assert.Equal("{\"value\":", await host.ScalarAsync<string>(
            "SELECT DISTINCT convert_from(sample, 'UTF8') FROM rejections WHERE device_id = $1 AND reason = 'bad_json'", device.DeviceId));
    }

    [Fact]
    public async Task The_first_of_one_time_stays_and_latest_only_moves_forward()
    {
        var device = host.Owner.Put(_tenant);
        await host.Broker.PublishAsync([
            (device.Topic(), """{"value":1,"ts":1771156800000}"""), (device.Topic(), """{"value":1.0,"ts":1771156800000}"""),
            (device.Topic(), """{"value":2,"ts":1771156800000}"""), (device.Topic(), """{"value":3,"ts":1771156700000}"""),
        ]);
        await host.HasReadingsAsync(device, 2);
        await host.Broker.PublishAsync([
            (device.Topic(), """{"ts":1771156800000,"value":1}"""), (device.Topic(), """{"value":4,"ts":1771156800000}"""), (device.Topic(1), "5"),
        ]);
        await host.HasReadingsAsync(device, 3);
        await Eventually.TrueAsync(async () => await host.RejectionsOfAsync(device) == "conflict=2");
        Assert.Equal(1, await host.ScalarAsync<double>("SELECT value FROM latest WHERE device_id = $1 AND slot = 0", device.DeviceId));
    }

    [Fact]
    public async Task Right_after_it_changed_hands_a_device_is_known_to_its_new_tenant()
    {
        var device = host.Owner.Put(_tenant);
        await host.Broker.PublishAsync((device.Topic(), "1"));
        await host.HasReadingsAsync(device, 1);
        var claimed = host.Owner.Put(Guid.CreateVersion7(), DeviceStatus.Claimed, device.DeviceId);
        await host.Broker.PublishAsync((claimed.Topic(), "2"));
        await host.HasReadingsAsync(device, 2);
        Assert.Equal("", await host.RejectionsOfAsync(device));
        // Once for each owner that it had, or less when the rebuild of the empty replica was quicker.
        Assert.InRange(host.Owner.Asked.GetValueOrDefault(device.DeviceId), 0, 2);
    }

    [Fact]
    public async Task A_change_told_by_event_is_known_without_asking_also_after_the_listener_lost_its_connection()
    {
        var bus = host.Services.GetRequiredService<IBus>();
        var directory = host.Services.GetRequiredService<DeviceDirectory>();
        for (var round = 0; round < 2; round++)
        {
            var device = Guid.CreateVersion7();
            await bus.Publish(Change(device, DeviceStatus.Active, 5), Cancellation);
            await Eventually.TrueAsync(() => Task.FromResult(directory.Judge(_tenant, device, out _, out _) == Verdict.Accept));
            await bus.Publish(Change(device, DeviceStatus.Suspended, 7), Cancellation);
            await bus.Publish(Change(device, DeviceStatus.Active, 6), Cancellation);
            await Eventually.TrueAsync(() => Task.FromResult(directory.Judge(_tenant, device, out _, out _) == Verdict.AskOwner));
            Assert.Equal("suspended", await host.ScalarAsync<string>("SELECT status FROM devices WHERE device_id = $1", device));
            await host.ScalarAsync<bool>(
                "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE datname = $1 AND usename = 'ingestion_system'", host.Database.Name);
        }

        DeviceChanged Change(Guid device, DeviceStatus status, long version) => new()
        {
            OccurredAt = DateTimeOffset.UtcNow,
            DeviceId = device,
            TenantId = _tenant,
            DeviceLabel = "pump",
            Status = status,
            Version = version,
        };
    }

    [Fact]
    public async Task Without_the_broker_the_service_is_not_ready_and_comes_back_by_itself()
    {
        await using var other = new ScriptedHost();
        await other.StartAsync();
        await Eventually.TrueAsync(async () => (await other.Direct().GetAsync("/health/ready", Cancellation)).StatusCode == HttpStatusCode.OK);
        other.Wire.Break();
        await Eventually.TrueAsync(async () => (await other.Direct().GetAsync("/health/ready", Cancellation)).StatusCode == HttpStatusCode.ServiceUnavailable);
        await other.Wire.AcceptAsync(sessionPresent: true);
        await Eventually.TrueAsync(async () => (await other.Direct().GetAsync("/health/ready", Cancellation)).StatusCode == HttpStatusCode.OK);
        Assert.False(other.Wire.Connect!.CleanSession);
        Assert.Equal((7u * 24 * 3600, (ushort)8000, "service/ingestion-1"), (other.Wire.Connect.SessionExpiryInterval, other.Wire.Connect.ReceiveMaximum, other.Wire.Connect.ClientId));
    }
}
