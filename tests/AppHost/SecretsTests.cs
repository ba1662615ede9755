using Aspire.Hosting.ApplicationModel;

namespace EasySmart.AppHost.Tests;

/// <summary>Who is given which secret, as a whole: one more anywhere is a failure.</summary>
public sealed class SecretsTests(Fleet fleet) : IClassFixture<Fleet>
{
    public static TheoryData<string, string[]> Given => new()
    {
        {
            "identity",
            [
                "admin-password", "idempotency-key", "identity-app-password", "internal-identity-key", "rabbitmq-password", "service-key",
                "signing-key", "webhook-api-key",
            ]
        },
        {
            "device-provisioning",
            [
                "broker-api-key", "broker-api-secret", "devices-app-password", "devices-mqtt-password", "hooks-key", "idempotency-key",
                "ingestion-mqtt-password", "internal-identity-key", "manufacturing-key", "rabbitmq-password", "service-key",
            ]
        },
        { "ingestion", ["ingestion-app-password", "ingestion-mqtt-password", "internal-identity-key", "rabbitmq-password", "service-key"] },
        { "telemetry-query", ["internal-identity-key", "telemetry-query-password"] },
        { "billing-quota", ["billing-app-password", "internal-identity-key", "rabbitmq-password", "service-key"] },
        { "notifier", ["internal-identity-key", "notifier-app-password", "rabbitmq-password"] },
        { "gateway", ["internal-identity-key", "service-key"] },
        { "identity-migrations", ["identity-owner-password"] },
        { "device-provisioning-migrations", ["devices-owner-password"] },
        { "ingestion-migrations", ["telemetry-owner-password"] },
        { "billing-quota-migrations", ["billing-owner-password"] },
        { "notifier-migrations", ["notifier-owner-password"] },
        {
            "emqx",
            ["broker-api-key", "broker-api-secret", "emqx-cookie", "emqx-dashboard-password", "hooks-key", "webhook-api-key"]
        },
        { "emqx-bootstrap", ["broker-api-key", "broker-api-secret"] },
        { "rabbitmq", ["rabbitmq-password"] },
        {
            "platform",
            [
                "billing-app-password", "billing-owner-password", "devices-app-password", "devices-owner-password",
                "identity-app-password", "identity-owner-password", "notifier-app-password", "notifier-owner-password", "platform-password",
            ]
        },
        { "telemetry", ["ingestion-app-password", "telemetry-owner-password", "telemetry-password", "telemetry-query-password"] },
    };

    [Theory]
    [MemberData(nameof(Given))]
    public async Task A_resource_is_given_the_secrets_it_needs_and_no_other(string resource, string[] secrets) =>
        Assert.Equal(secrets, await fleet.SecretsOf(resource));

    [Fact]
    public void What_is_called_a_password_key_secret_or_cookie_is_secret() =>
        Assert.All(
            fleet.Resources.OfType<ParameterResource>(),
            parameter => Assert.Equal(
                parameter.Name.EndsWith("-password", StringComparison.Ordinal)
                    || parameter.Name.EndsWith("-key", StringComparison.Ordinal)
                    || parameter.Name.EndsWith("-secret", StringComparison.Ordinal)
                    || parameter.Name.EndsWith("-cookie", StringComparison.Ordinal),
                parameter.Secret));

    [Theory]
    [InlineData("platform", "IDENTITY_OWNER_PASSWORD", "{identity-owner-password.value}")]
    [InlineData("platform", "DEVICES_APP_PASSWORD", "{devices-app-password.value}")]
    [InlineData("telemetry", "TELEMETRY_OWNER_PASSWORD", "{telemetry-owner-password.value}")]
    [InlineData("telemetry", "INGESTION_APP_PASSWORD", "{ingestion-app-password.value}")]
    [InlineData("telemetry", "TELEMETRY_QUERY_PASSWORD", "{telemetry-query-password.value}")]
    public async Task A_server_is_told_the_roles_passwords_as_init_sh_reads_them(string server, string variable, string value) =>
        Assert.Equal(value, (await fleet.EnvironmentOf(server))[variable]);

    [Fact]
    public async Task DeviceProvisioning_and_EMQX_hold_the_same_hook_key()
    {
        Assert.Equal("{hooks-key.value}", (await fleet.EnvironmentOf("device-provisioning"))["Hooks__Key"]);
        var emqx = await fleet.EnvironmentOf("emqx");
        Assert.All(
            ["EMQX_AUTHENTICATION__1__HEADERS", "EMQX_CONNECTORS__HTTP__DEVICE_PROVISIONING__HEADERS"],
            headers => Assert.Contains("\"x-easysmart-hook-key\":\"{hooks-key.value}\"", emqx[headers], StringComparison.Ordinal));
    }

    [Fact]
    public async Task Identity_and_EMQX_hold_the_same_webhook_key()
    {
        Assert.Equal("{webhook-api-key.value}", (await fleet.EnvironmentOf("identity"))["Identity__WebhookApiKey"]);
        Assert.Contains(
            "\"authorization\":\"Bearer {webhook-api-key.value}\"",
            (await fleet.EnvironmentOf("emqx"))["EMQX_CONNECTORS__HTTP__GATEWAY__HEADERS"],
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("emqx", "EASYSMART_BROKER_API_KEY", "EASYSMART_BROKER_API_SECRET")]
    [InlineData("emqx-bootstrap", "EASYSMART_BROKER_API_KEY", "EASYSMART_BROKER_API_SECRET")]
    [InlineData("device-provisioning", "BrokerApi__Key", "BrokerApi__Secret")]
    public async Task The_brokers_management_key_is_the_same_everywhere(string resource, string key, string secret)
    {
        var environment = await fleet.EnvironmentOf(resource);
        Assert.Equal("{broker-api-key.value}", environment[key]);
        Assert.Equal("{broker-api-secret.value}", environment[secret]);
    }

    [Fact]
    public async Task The_manufacturing_key_that_is_current_is_given()
    {
        var environment = await fleet.EnvironmentOf("device-provisioning");
        Assert.Equal("{manufacturing-key.value}", environment[$"Manufacturing__MasterKeys__{environment["Manufacturing__CurrentKey"]}"]);
    }

    [Fact]
    public async Task DeviceProvisioning_and_ingestion_hold_the_same_mqtt_password()
    {
        var known = (await fleet.EnvironmentOf("device-provisioning"))["Mqtt__ServiceAccounts__ingestion"];
        Assert.Equal(known, (await fleet.EnvironmentOf("ingestion"))["Mqtt__Password"]);
    }

    [Fact]
    public async Task DeviceProvisioning_has_a_service_account_of_its_own() => Assert.Equal(
        "{devices-mqtt-password.value}",
        (await fleet.EnvironmentOf("device-provisioning"))["Mqtt__ServiceAccounts__device-provisioning"]);
}
