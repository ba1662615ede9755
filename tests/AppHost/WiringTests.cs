using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;

namespace EasySmart.AppHost.Tests;

public sealed class WiringTests(Fleet fleet) : IClassFixture<Fleet>
{
    [Theory]
    [InlineData("platform", "library/postgres", "17")]
    [InlineData("telemetry", "timescale/timescaledb", "2.19.3-pg17")]
    [InlineData("rabbitmq", "library/rabbitmq", "4.0-management")]
    [InlineData("emqx", "emqx/emqx", "5.8.9")]
    [InlineData("emqx-bootstrap", "emqx/emqx", "5.8.9")]
    public void An_image_is_pinned(string server, string image, string tag)
    {
        var annotation = fleet[server].Annotations.OfType<ContainerImageAnnotation>().Last();
        Assert.Equal((image, tag), (annotation.Image, annotation.Tag));
    }

    [Theory]
    [InlineData("platform")]
    [InlineData("telemetry")]
    [InlineData("rabbitmq")]
    [InlineData("emqx")]
    public void A_server_keeps_its_data_in_a_volume(string server) =>
        Assert.Contains(fleet[server].Annotations.OfType<ContainerMountAnnotation>(), mount => mount.Type == ContainerMountType.Volume);

    [Theory]
    [InlineData("platform", "/docker-entrypoint-initdb.d/010_roles.sh")]
    [InlineData("telemetry", "/docker-entrypoint-initdb.d/010_roles.sh")]
    [InlineData("rabbitmq", "/etc/rabbitmq/advanced.config")]
    [InlineData("emqx", "/opt/emqx/etc/emqx.conf")]
    [InlineData("emqx", "/opt/easysmart/start.sh")]
    [InlineData("emqx", "/opt/easysmart/bootstrap")]
    [InlineData("emqx-bootstrap", "/opt/easysmart/bootstrap")]
    public void A_file_that_is_mounted_exists(string server, string target)
    {
        var mount = Assert.Single(fleet[server].Annotations.OfType<ContainerMountAnnotation>(), mount => mount.Target == target);
        Assert.True(File.Exists(mount.Source), $"{mount.Source} is missing.");
        Assert.True(mount.IsReadOnly);
    }

    [Fact]
    public async Task The_gateway_reaches_every_service()
    {
        var environment = await fleet.EnvironmentOf("gateway");
        Assert.All(
            Fleet.Services,
            service => Assert.Equal($"{{{service}.bindings.http.url}}", environment[$"services__{service}__http__0"]));
        Assert.Superset(Fleet.Services.ToHashSet(), fleet.WaitsOf("gateway", WaitType.WaitUntilHealthy).ToHashSet());
    }

    [Fact]
    public async Task Ingestion_reaches_DeviceProvisioning_and_the_broker()
    {
        var environment = await fleet.EnvironmentOf("ingestion");
        Assert.Equal("{device-provisioning.bindings.http.url}", environment["services__device-provisioning__http__0"]);
        Assert.Equal("{identity.bindings.http.url}", environment["services__identity__http__0"]);
        Assert.Equal("{billing-quota.bindings.http.url}", environment["services__billing-quota__http__0"]);
        Assert.Equal("service/ingestion-1", environment["Mqtt__ClientId"]);
        Assert.Equal("{emqx.bindings.services.host}", environment["Mqtt__Host"]);
        Assert.Equal("{emqx.bindings.services.port}", environment["Mqtt__Port"]);
        Assert.Equal("true", environment["Mqtt__SharedSubscription"]);
        Assert.Contains("emqx", fleet.WaitsOf("ingestion", WaitType.WaitUntilHealthy));
    }

    [Theory]
    [InlineData("identity")]
    [InlineData("billing-quota")]
    public async Task DeviceProvisioning_fills_its_replicas_from(string owner) => Assert.Equal(
        $"{{{owner}.bindings.http.url}}", (await fleet.EnvironmentOf("device-provisioning"))[$"services__{owner}__http__0"]);

    [Theory]
    [InlineData("identity")]
    [InlineData("device-provisioning")]
    public async Task BillingQuota_fills_its_replicas_from(string owner) => Assert.Equal(
        $"{{{owner}.bindings.http.url}}", (await fleet.EnvironmentOf("billing-quota"))[$"services__{owner}__http__0"]);

    [Fact]
    public async Task DeviceProvisioning_reaches_the_broker_and_does_not_wait_for_what_waits_for_it()
    {
        var environment = await fleet.EnvironmentOf("device-provisioning");
        Assert.Equal("{emqx.bindings.services.host}", environment["Mqtt__Host"]);
        Assert.Equal("{emqx.bindings.services.port}", environment["Mqtt__Port"]);
        Assert.Equal("service/device-provisioning-1", environment["Mqtt__ClientId"]);
        Assert.Equal("true", environment["Mqtt__SharedSubscription"]);
        Assert.Equal("{emqx.bindings.dashboard.url}", environment["BrokerApi__Url"]);
        Assert.DoesNotContain("emqx", fleet.WaitsOf("device-provisioning", WaitType.WaitUntilHealthy));
    }

    [Fact]
    public async Task The_broker_asks_DeviceProvisioning_and_opens_after_it()
    {
        Assert.Equal(
            "\"{device-provisioning.bindings.http.url}/internal/mqtt/authenticate\"",
            (await fleet.EnvironmentOf("emqx"))["EMQX_AUTHENTICATION__1__URL"]);
        Assert.Equal(
            "\"{device-provisioning.bindings.http.url}\"",
            (await fleet.EnvironmentOf("emqx"))["EMQX_CONNECTORS__HTTP__DEVICE_PROVISIONING__URL"]);
        Assert.Contains("device-provisioning", fleet.WaitsOf("emqx", WaitType.WaitUntilHealthy));
    }

    [Fact]
    public async Task A_published_fleet_shares_its_telemetry_among_four_sessions()
    {
        string[] publish = ["--operation", "publish", "--step", "publish"];
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.EasySmart_AppHost>(
            publish, TestContext.Current.CancellationToken);
        Assert.Equal(
            ["ingestion", "ingestion-2", "ingestion-3", "ingestion-4"],
            builder.Resources.OfType<ProjectResource>()
                .Select(project => project.Name)
                .Where(name => name.StartsWith("ingestion", StringComparison.Ordinal) && !name.EndsWith("-migrations", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_webhook_goes_to_the_gateway() => Assert.Equal(
        "\"{gateway.bindings.http.url}\"", (await fleet.EnvironmentOf("emqx"))["EMQX_CONNECTORS__HTTP__GATEWAY__URL"]);

    [Fact]
    public async Task Every_setting_that_the_environment_overrides_is_in_the_brokers_file()
    {
        var mount = Assert.Single(
            fleet["emqx"].Annotations.OfType<ContainerMountAnnotation>(), mount => mount.Target == "/opt/emqx/etc/emqx.conf");
        var file = await File.ReadAllTextAsync(mount.Source!, TestContext.Current.CancellationToken);
        // EMQX reads EMQX_A__B as a.b, only warns of one that its schema does not know, and cannot start with EMQX_API_KEY.
        var names = (await fleet.EnvironmentOf("emqx")).Keys
            .Where(key => key.StartsWith("EMQX_CONNECTORS__", StringComparison.Ordinal))
            .Select(key => key.Split("__")[2].ToLowerInvariant())
            .ToArray();
        Assert.NotEmpty(names);
        Assert.All(names, name => Assert.Contains($"\n  {name} {{", file, StringComparison.Ordinal));
        Assert.DoesNotContain("EMQX_API_KEY", (await fleet.EnvironmentOf("emqx")).Keys);
    }

    [Fact]
    public async Task The_broker_starts_through_the_script_that_opens_its_listeners()
    {
        Assert.Equal("/bin/sh", ((ContainerResource)fleet["emqx"]).Entrypoint);
        Assert.Equal(["/opt/easysmart/start.sh"], await fleet.ArgumentsOf("emqx"));

        Assert.Equal("/bin/sh", ((ContainerResource)fleet["emqx-bootstrap"]).Entrypoint);
        Assert.Equal(["/opt/easysmart/bootstrap"], await fleet.ArgumentsOf("emqx-bootstrap"));
        var environment = await fleet.EnvironmentOf("emqx-bootstrap");
        Assert.Equal("{emqx.bindings.dashboard.url}", environment["BROKER_API_URL"]);
        Assert.Equal("{emqx.bindings.services.host}:{emqx.bindings.services.port}", environment["BROKER_PROBE"]);
        Assert.Contains("emqx", fleet.WaitsOf("emqx-bootstrap", WaitType.WaitUntilHealthy));
    }

    [Theory]
    [InlineData("identity", true)]
    [InlineData("device-provisioning", true)]
    [InlineData("ingestion", true)]
    [InlineData("billing-quota", true)]
    [InlineData("notifier", true)]
    [InlineData("telemetry-query", false)]
    [InlineData("gateway", false)]
    public async Task Events_are_for_those_who_publish_or_consume_them(string service, bool messages) =>
        Assert.Equal(messages, (await fleet.EnvironmentOf(service)).ContainsKey("ConnectionStrings__RabbitMq"));

    [Theory]
    [InlineData("gateway")]
    [InlineData("identity")]
    [InlineData("device-provisioning")]
    [InlineData("ingestion")]
    [InlineData("telemetry-query")]
    [InlineData("billing-quota")]
    [InlineData("notifier")]
    public async Task A_service_has_one_http_endpoint_a_health_check_and_the_key_of_internal_identities(string service)
    {
        Assert.Equal("http", Assert.Single(fleet[service].Annotations.OfType<EndpointAnnotation>()).Name);
        Assert.NotEmpty(fleet[service].Annotations.OfType<HealthCheckAnnotation>());
        Assert.Equal("{internal-identity-key.value}", (await fleet.EnvironmentOf(service))["InternalIdentity__Key"]);
    }

    [Fact]
    public void Only_the_gateway_and_the_device_ports_are_published()
    {
        var published = fleet.Resources
            .SelectMany(resource => resource.Annotations.OfType<EndpointAnnotation>()
                .Where(endpoint => endpoint.IsExternal)
                .Select(endpoint => $"{resource.Name} {endpoint.Name} {endpoint.Port}"))
            .Order(StringComparer.Ordinal);
        Assert.Equal(["emqx mqtt 1883", "emqx mqtts 8883", "emqx ws 8083", "emqx wss 8084", "gateway http 8080"], published);
    }
}
