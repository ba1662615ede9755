namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A service that cannot work as it is configured does not start, and says why.</summary>
public sealed class StartTests
{
    [Theory]
    [InlineData("ConnectionStrings:Database", null, "ConnectionStrings:Database")]
    [InlineData("ConnectionStrings:DatabaseSystem", null, "ConnectionStrings:DatabaseSystem")]
    [InlineData("ConnectionStrings:RabbitMq", null, "ConnectionStrings:RabbitMq")]
    [InlineData("InternalIdentity:Key", null, "InternalIdentity")]
    [InlineData("Internal:ServiceKey", null, "Internal:ServiceKey")]
    [InlineData("Internal:ServiceKey", "short", "Internal:ServiceKey")]
    [InlineData("Idempotency:Key", null, "Idempotency:Key")]
    [InlineData("Idempotency:Key", "not base64", "Idempotency:Key")]
    [InlineData("Idempotency:Key", "c2hvcnQ=", "Idempotency:Key")]
    [InlineData("Hooks:Key", null, "Hooks:Key")]
    [InlineData("Hooks:Key", "short", "Hooks:Key")]
    [InlineData("Mqtt:Broker", null, "Mqtt:Broker")]
    [InlineData("Mqtt:BrokerUrl", null, "Mqtt:BrokerUrl")]
    [InlineData("Mqtt:WebSocketUrl", null, "Mqtt:WebSocketUrl")]
    [InlineData("Mqtt:ServiceAccounts:ingestion", null, "Mqtt:ServiceAccounts:ingestion")]
    [InlineData("Mqtt:ServiceAccounts:ingestion", "short", "Mqtt:ServiceAccounts:ingestion")]
    [InlineData("Mqtt:ServiceAccounts:device-provisioning", null, "Mqtt:ServiceAccounts:device-provisioning")]
    [InlineData("Mqtt:Host", null, "Mqtt:Host")]
    [InlineData("Mqtt:Port", "0", "Mqtt:Port")]
    [InlineData("Mqtt:ClientId", "", "Mqtt:ClientId")]
    [InlineData("Mqtt:ClientId", "device-provisioning-1", "Mqtt:ClientId")]
    [InlineData("BrokerApi:Url", null, "BrokerApi:Url")]
    [InlineData("BrokerApi:Url", "broker:8107", "BrokerApi:Url")]
    [InlineData("BrokerApi:Key", null, "BrokerApi:Key")]
    [InlineData("BrokerApi:Secret", null, "BrokerApi:Secret")]
    [InlineData("BrokerApi:ReconcileEvery", "00:00:00", "BrokerApi:ReconcileEvery")]
    [InlineData("Mqtt:ServiceAccounts:stranger", "a password that is long enough", "Mqtt:ServiceAccounts:stranger")]
    [InlineData("Mqtt:LoginBudget", "00:00:00", "Mqtt:LoginBudget")]
    [InlineData("Mqtt:TrustMemoryFor", "-00:00:01", "Mqtt:TrustMemoryFor")]
    [InlineData("Mqtt:TrustMemoryFor", "2.00:00:00", "Mqtt:TrustMemoryFor")]
    [InlineData("LoginThrottle:FreeFailures", "0", "LoginThrottle:FreeFailures")]
    [InlineData("LoginThrottle:FirstDelay", "00:00:00", "LoginThrottle:FirstDelay")]
    [InlineData("LoginThrottle:LongestDelay", "1.00:00:00", "LoginThrottle:LongestDelay")]
    [InlineData("LoginThrottle:FailuresPerAddress", "0", "LoginThrottle:FailuresPerAddress")]
    [InlineData("LoginThrottle:KnownFor", "-00:00:01", "LoginThrottle:KnownFor")]
    [InlineData("LoginThrottle:Remembered", "10", "LoginThrottle:Remembered")]
    [InlineData("Mqtt:WebSocketUrl", "http://mqtt.example.com/mqtt", "Mqtt:WebSocketUrl")]
    [InlineData("Mqtt:WebSocketUrl", "ws://mqtt.example.com/other", "Mqtt:WebSocketUrl")]
    [InlineData("Mqtt:WebSocketUrl", "ws://mqtt.example.com/\"/mqtt", "Mqtt:WebSocketUrl")]
    [InlineData("Manufacturing:CurrentKey", null, "Manufacturing:CurrentKey")]
    [InlineData("Manufacturing:CurrentKey", "1999", "Manufacturing:MasterKeys:1999")]
    [InlineData("Manufacturing:MasterKeys:2026a", null, "Manufacturing:MasterKeys:2026a")]
    [InlineData("Manufacturing:MasterKeys:2026a", "short", "Manufacturing:MasterKeys:2026a")]
    [InlineData("Manufacturing:MasterKeys:an id", "a key that is long enough for anybody", "Manufacturing:MasterKeys:an id")]
    [InlineData("Manufacturing:MasterKeys:an-id-that-is-longer-than-32-characters", "a key that is long enough for anybody", "1 to 32 visible ASCII")]
    [InlineData("Manufacturing:DeliveryWindow", "00:00:00", "Manufacturing:DeliveryWindow")]
    public async Task A_setting_that_is_missing_or_wrong_is_named(string key, string? value, string named)
    {
        await using var host = new MisconfiguredHost(settings => settings[key] = value);
        var failure = await Record.ExceptionAsync(async () => await host.InitializeAsync());
        Assert.NotNull(failure);
        Assert.Contains(named, failure.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ConnectionStrings:Database", "devices_owner", "owns tables")]
    [InlineData("ConnectionStrings:Database", "devices_system", "bypasses row-level security")]
    [InlineData("ConnectionStrings:DatabaseSystem", "devices_owner", "owns tables")]
    public async Task A_role_that_row_level_security_does_not_bind_is_refused(string key, string role, string reason)
    {
        await using var host = new MisconfiguredHost(null, (settings, database) => settings[key] = database.For(role));
        var failure = await Record.ExceptionAsync(async () => await host.InitializeAsync());
        Assert.Contains(reason, failure?.ToString() ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_superuser_is_refused()
    {
        await using var host = new MisconfiguredHost(null, (settings, database) => settings["ConnectionStrings:Database"] = database.ForSuperuser());
        var failure = await Record.ExceptionAsync(async () => await host.InitializeAsync());
        Assert.Contains("is a superuser", failure?.ToString() ?? "", StringComparison.Ordinal);
    }

    private sealed class MisconfiguredHost(
        Action<Dictionary<string, string?>>? change, Action<Dictionary<string, string?>, Hosting.TestDatabase>? withDatabase = null) : LonelyHost
    {
        protected override async Task PrepareAsync()
        {
            await base.PrepareAsync();
            change?.Invoke(Settings);
            withDatabase?.Invoke(Settings, Database);
        }
    }
}
