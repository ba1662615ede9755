using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace EasySmart.Broker.Tests;

public class OperationTests
{
    [Theory]
    [InlineData("/health", "status,timestamp")]
    [InlineData("/health/live", "status,timestamp")]
    [InlineData("/health/ready", "status,checks,timestamp")]
    public async Task Health_answers_as_every_service_does(string path, string fields)
    {
        await using var broker = await TestBroker.StartAsync();
        var json = JsonDocument.Parse(await broker.Http.GetStringAsync(path, TestContext.Current.CancellationToken)).RootElement;
        Assert.Equal(fields, string.Join(',', json.EnumerateObject().Select(p => p.Name)));
        Assert.Equal("ok", json.GetProperty("status").GetString());
        Assert.EndsWith("Z", json.GetProperty("timestamp").GetString());
        if (json.TryGetProperty("checks", out var checks))
        {
            Assert.Equal("""{"tcp":"ok","websocket":"ok"}""", checks.GetRawText());
        }
    }

    [Fact]
    public async Task Health_is_not_to_be_had_where_devices_connect_nor_MQTT_at_the_admin_port()
    {
        await using var broker = await TestBroker.StartAsync();
        using var device = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{broker.WebSocketPort}") };
        Assert.Equal(HttpStatusCode.BadRequest, (await device.GetAsync("/health", TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.Http.GetAsync("/mqtt", TestContext.Current.CancellationToken)).StatusCode);
    }

    [Theory]
    [InlineData("short", "a secret of the right length, to be sure", "Broker:ApiKey")]
    [InlineData("with:colon", "a secret of the right length, to be sure", "Broker:ApiKey")]
    [InlineData("long enough", "short secret", "Broker:ApiSecret")]
    public void A_key_that_is_none_stops_the_start_and_is_not_told(string key, string secret, string name)
    {
        var error = Assert.Throws<OptionsValidationException>(() => BrokerHost.Build(
        [
            "--Broker:AuthenticatorUrl=http://127.0.0.1:1/x", "--Broker:HookKey=k",
            $"--Broker:ApiKey={key}", $"--Broker:ApiSecret={secret}",
        ]));
        Assert.Contains(name, Assert.Single(error.Failures));
        Assert.DoesNotContain(secret, error.Message);
    }

    [Fact]
    public async Task Metrics_tell_what_goes_through_and_what_waits()
    {
        await using var broker = await TestBroker.StartAsync();
        using var ingestion = await broker.IngestionAsync(receiveMaximum: 1, manualAck: true);
        using var device = await broker.ConnectAsync("d1");
        await device.PublishAsync("tenants/t1/devices/d1/telemetry/slot/0", "1");
        await device.PublishAsync("tenants/t1/devices/d1/telemetry/slot/0", "2");
        await Eventually.TrueAsync(() => ingestion.Messages.Count == 1);
        var metrics = await broker.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        const string Scope = "{otel_scope_name=\"EasySmart.Broker\"}";
        Assert.Contains($"easysmart_broker_connections{Scope} 2", metrics);
        Assert.Contains($"easysmart_broker_sessions{Scope} 2", metrics);
        Assert.Contains($"easysmart_broker_messages_received_total{Scope} 2", metrics);
        Assert.Contains($"easysmart_broker_messages_delivered_total{Scope} 1", metrics);
        Assert.Contains($"easysmart_broker_publishers_held{Scope} 0", metrics);
        Assert.Contains("easysmart_broker_queue_depth{otel_scope_name=\"EasySmart.Broker\",session=\"service/ingestion-1\"} 2", metrics);
        Assert.Contains(
            "easysmart_broker_authentication_duration_seconds_count{otel_scope_name=\"EasySmart.Broker\",result=\"allowed\"} 2", metrics);
    }

    [Theory]
    [InlineData("TcpPort", "70000")]
    [InlineData("WebSocketPort", "-1")]
    [InlineData("AdminPort", "x")]
    [InlineData("BindAddress", "localhost")]
    [InlineData("AuthenticatorUrl", "")]
    [InlineData("AuthenticatorUrl", "device-provisioning")]
    [InlineData("HookKey", "")]
    [InlineData("HoldUntilSession", "ingestion")]
    [InlineData("ServiceQueueLength", "0")]
    [InlineData("DeviceQueueLength", "-5")]
    [InlineData("DefaultReceiveMaximum", "65536")]
    [InlineData("MaximumPacketSize", "0")]
    [InlineData("EventsUrl", "device-provisioning")]
    [InlineData("EventQueueSize", "0")]
    [InlineData("ApiKey", "a key without its secret")]
    [InlineData("ApiSecret", "a secret of the right length, without its key")]
    public void A_setting_that_makes_no_sense_stops_the_start_by_its_name(string key, string value)
    {
        string[] good = ["--Broker:AuthenticatorUrl=http://127.0.0.1:1/x", "--Broker:HookKey=k", "--Broker:TcpPort=0"];
        var error = Assert.ThrowsAny<Exception>(() => BrokerHost.Build([.. good, $"--Broker:{key}={value}"]));
        Assert.True(error is OptionsValidationException or InvalidOperationException);
        Assert.Contains($"Broker:{key}", error.Message);
    }
}
