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
                "devices-app-password", "hooks-key", "idempotency-key", "ingestion-mqtt-password", "internal-identity-key", "rabbitmq-password",
                "service-key",
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
        { "emqx", ["emqx-cookie", "emqx-dashboard-password", "hooks-key"] },
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
    public void What_is_called_a_password_key_or_cookie_is_secret() =>
        Assert.All(
            fleet.Resources.OfType<ParameterResource>(),
            parameter => Assert.Equal(
                parameter.Name.EndsWith("-password", StringComparison.Ordinal)
                    || parameter.Name.EndsWith("-key", StringComparison.Ordinal)
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
        Assert.Contains(
            "\"x-easysmart-hook-key\":\"{hooks-key.value}\"",
            (await fleet.EnvironmentOf("emqx"))["EMQX_AUTHENTICATION__1__HEADERS"],
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task DeviceProvisioning_and_ingestion_hold_the_same_mqtt_password()
    {
        var known = (await fleet.EnvironmentOf("device-provisioning"))["Mqtt__ServiceAccounts__ingestion"];
        Assert.Equal(known, (await fleet.EnvironmentOf("ingestion"))["Mqtt__Password"]);
    }
}
