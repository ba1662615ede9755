// The fleet as one model: servers in containers, services as projects. Read it top to bottom.
// `dotnet run --project AppHost` runs it here; `aspire publish` writes it as Docker Compose.
using EasySmart.AppHost;

var builder = DistributedApplication.CreateBuilder(args);
builder.AddDockerComposeEnvironment("compose");

// Secrets. None has a fixed default: on a developer's machine each is made once and kept in the user secrets,
// a published fleet asks for them.
var platformPassword = builder.AddPassword("platform-password");
var telemetryPassword = builder.AddPassword("telemetry-password");
var rabbitmqPassword = builder.AddPassword("rabbitmq-password");
var emqxCookie = builder.AddPassword("emqx-cookie");
var emqxDashboardPassword = builder.AddPassword("emqx-dashboard-password");
var hooksKey = builder.AddPassword("hooks-key");
var serviceKey = builder.AddPassword("service-key");
var ingestionMqttPassword = builder.AddPassword("ingestion-mqtt-password");
var devicesMqttPassword = builder.AddPassword("devices-mqtt-password");
var brokerApiKey = builder.AddPassword("broker-api-key");
var brokerApiSecret = builder.AddPassword("broker-api-secret");
var manufacturingKey = builder.AddPassword("manufacturing-key");
var adminPassword = builder.AddPassword("admin-password", special: true);
var internalIdentityKey = builder.AddKey("internal-identity-key", GeneratedKey.HmacSha256);
var idempotencyKey = builder.AddKey("idempotency-key", GeneratedKey.HmacSha256);
var webhookApiKey = builder.AddKey("webhook-api-key", GeneratedKey.ApiKey);
var signingKey = builder.AddKey("signing-key", GeneratedKey.EcdsaP256);

// What an operator chooses; appsettings.json has what suits a developer's machine.
var adminEmail = builder.AddParameter("admin-email");
var registration = builder.AddParameter("registration");
var mqttHost = builder.AddParameter("mqtt-host");
var rabbitmqUser = builder.AddParameter("rabbitmq-user");

// Servers. A script is mounted by its own name: WithInitFiles, published, covers the folder with the image's own scripts.
var platform = builder.AddPostgres("platform", password: platformPassword)
    .WithImageTag("17")
    .WithDataVolume("easysmart-platform")
    .WithBindMount("../deploy/postgres/platform/init.sh", "/docker-entrypoint-initdb.d/010_roles.sh", isReadOnly: true);

var telemetry = builder.AddPostgres("telemetry", password: telemetryPassword)
    .WithImage("timescale/timescaledb", "2.19.3-pg17")
    .WithDataVolume("easysmart-telemetry")
    .WithEnvironment("TIMESCALEDB_TELEMETRY", "off")
    .WithBindMount("../deploy/postgres/telemetry/init.sh", "/docker-entrypoint-initdb.d/010_roles.sh", isReadOnly: true);

var identityDatabase = platform.AddPlatformDatabase("identity");
var devicesDatabase = platform.AddPlatformDatabase("devices");
var billingDatabase = platform.AddPlatformDatabase("billing");
var notifierDatabase = platform.AddPlatformDatabase("notifier");

var telemetryDatabase = telemetry.AddDatabase("telemetry-database", "telemetry");
var telemetryOwner = telemetry.AddRole("telemetry_owner");
var ingestionRole = telemetry.AddRole("ingestion_app");
var telemetryReader = telemetry.AddRole("telemetry_query");
var telemetryWriting = new ServiceDatabase(
    telemetryDatabase, telemetryOwner, Runtime: ingestionRole, System: ingestionRole with { Name = "ingestion_system" });
var telemetryReading = new ServiceDatabase(telemetryDatabase, telemetryOwner, Runtime: telemetryReader, System: null);

var rabbitmq = builder.AddRabbitMQ("rabbitmq", rabbitmqUser, rabbitmqPassword)
    .WithImageTag("4.0-management")
    .WithManagementPlugin()
    .WithDataVolume("easysmart-rabbitmq")
    // The data is stored under the node's name, which would be the container's id.
    .WithEnvironment("RABBITMQ_NODENAME", "rabbitmq@localhost")
    .WithBindMount("../deploy/rabbitmq/docker/advanced.config", "/etc/rabbitmq/advanced.config", isReadOnly: true)
    .WithUrlForEndpoint("management", url => url.DisplayText = "RabbitMQ");

const string emqxImage = "emqx/emqx", emqxTag = "5.8.9";
var emqx = builder.AddContainer("emqx", emqxImage, emqxTag)
    .WithBindMount("../deploy/emqx/emqx.conf", "/opt/emqx/etc/emqx.conf", isReadOnly: true)
    .WithBindMount("../deploy/emqx/start.sh", "/opt/easysmart/start.sh", isReadOnly: true)
    .WithBindMount("../deploy/emqx/bootstrap", "/opt/easysmart/bootstrap", isReadOnly: true)
    .WithEntrypoint("/bin/sh")
    .WithArgs("/opt/easysmart/start.sh")
    .WithVolume("easysmart-emqx", "/opt/emqx/data")
    .WithEndpoint(port: 1883, targetPort: 1883, scheme: "mqtt", name: "mqtt", isExternal: true)
    .WithEndpoint(port: 8883, targetPort: 8883, scheme: "mqtts", name: "mqtts", isExternal: true)
    .WithEndpoint(port: 8083, targetPort: 8083, scheme: "ws", name: "ws", isExternal: true)
    .WithEndpoint(port: 8084, targetPort: 8084, scheme: "wss", name: "wss", isExternal: true)
    .WithEndpoint(targetPort: 1884, scheme: "mqtt", name: "services")
    .WithHttpEndpoint(port: 18083, targetPort: 18083, name: "dashboard")
    .WithHttpHealthCheck("/status", endpointName: "dashboard")
    .WithUrlForEndpoint("dashboard", url => url.DisplayText = "EMQX")
    .WithEnvironment("EMQX_NODE__NAME", "emqx@127.0.0.1")
    .WithEnvironment("EMQX_NODE__COOKIE", emqxCookie)
    .WithEnvironment("EMQX_DASHBOARD__DEFAULT_PASSWORD", emqxDashboardPassword)
    // Not EMQX_API_KEY: EMQX would take that for its setting api_key, and not start.
    .WithEnvironment("EASYSMART_BROKER_API_KEY", brokerApiKey)
    .WithEnvironment("EASYSMART_BROKER_API_SECRET", brokerApiSecret)
    // A single header cannot be overridden, only all of them.
    .WithEnvironment("EMQX_AUTHENTICATION__1__HEADERS", ReferenceExpression.Create(
        $$"""{"accept":"application/json","content-type":"application/json","x-easysmart-hook-key":"{{hooksKey.Resource}}"}"""))
    .WithEnvironment("EMQX_CONNECTORS__HTTP__DEVICE_PROVISIONING__HEADERS", ReferenceExpression.Create(
        $$"""{"content-type":"application/json","x-easysmart-hook-key":"{{hooksKey.Resource}}"}"""))
    .WithEnvironment("EMQX_CONNECTORS__HTTP__GATEWAY__HEADERS", ReferenceExpression.Create(
        $$"""{"content-type":"application/json","authorization":"Bearer {{webhookApiKey.Resource}}"}"""));
var emqxServices = emqx.GetEndpoint("services");

// The container opens its own listeners at every start; this one fails where it did not, or not with our settings.
builder.AddContainer("emqx-bootstrap", emqxImage, emqxTag)
    .WithBindMount("../deploy/emqx/bootstrap", "/opt/easysmart/bootstrap", isReadOnly: true)
    .WithEntrypoint("/bin/sh")
    .WithArgs("/opt/easysmart/bootstrap")
    .WithEnvironment("BROKER_API_URL", emqx.GetEndpoint("dashboard"))
    .WithEnvironment("BROKER_PROBE", emqxServices.Property(EndpointProperty.HostAndPort))
    .WithEnvironment("EASYSMART_BROKER_API_KEY", brokerApiKey)
    .WithEnvironment("EASYSMART_BROKER_API_SECRET", brokerApiSecret)
    .WaitFor(emqx);

// Services.
var identityMigrations = builder.AddMigrations<Projects.EasySmart_Identity>("identity-migrations", identityDatabase);
var identity = builder.AddService<Projects.EasySmart_Identity>("identity", internalIdentityKey)
    .WithDatabase(identityDatabase, identityMigrations)
    .WithMessages(rabbitmq)
    .WithEnvironment("Internal__ServiceKey", serviceKey)
    .WithEnvironment("Idempotency__Key", idempotencyKey)
    .WithEnvironment("Identity__Registration", registration)
    .WithEnvironment("Identity__SigningKey", signingKey)
    .WithEnvironment("Identity__SuperAdmin__Email", adminEmail)
    .WithEnvironment("Identity__SuperAdmin__Password", adminPassword)
    .WithEnvironment("Identity__WebhookApiKey", webhookApiKey);

var devicesMigrations = builder.AddMigrations<Projects.EasySmart_DeviceProvisioning>("device-provisioning-migrations", devicesDatabase);
var devices = builder.AddService<Projects.EasySmart_DeviceProvisioning>("device-provisioning", internalIdentityKey)
    .WithDatabase(devicesDatabase, devicesMigrations)
    .WithMessages(rabbitmq)
    .WithReference(identity)
    .WithEnvironment("Internal__ServiceKey", serviceKey)
    .WithEnvironment("Idempotency__Key", idempotencyKey)
    .WithEnvironment("Hooks__Key", hooksKey)
    .WithEnvironment("Manufacturing__CurrentKey", "1")
    .WithEnvironment("Manufacturing__MasterKeys__1", manufacturingKey)
    // What devices are told: the address as they see it, not as containers do.
    .WithEnvironment("Mqtt__Broker", ReferenceExpression.Create($"{mqttHost.Resource}:1883"))
    .WithEnvironment("Mqtt__BrokerUrl", ReferenceExpression.Create($"mqtt://{mqttHost.Resource}:1883"))
    .WithEnvironment("Mqtt__WebSocketUrl", ReferenceExpression.Create($"ws://{mqttHost.Resource}:8083/mqtt"))
    .WithEnvironment("Mqtt__ServiceAccounts__ingestion", ingestionMqttPassword)
    .WithEnvironment("Mqtt__ServiceAccounts__device-provisioning", devicesMqttPassword)
    // It has a session of its own, for commands, and does not wait for the broker, which waits for it.
    .WithEnvironment("Mqtt__Host", emqxServices.Property(EndpointProperty.Host))
    .WithEnvironment("Mqtt__Port", emqxServices.Property(EndpointProperty.Port))
    .WithEnvironment("Mqtt__ClientId", "service/device-provisioning-1")
    .WithEnvironment("Mqtt__SharedSubscription", "true")
    .WithEnvironment("BrokerApi__Url", emqx.GetEndpoint("dashboard"))
    .WithEnvironment("BrokerApi__Key", brokerApiKey)
    .WithEnvironment("BrokerApi__Secret", brokerApiSecret);

// EMQX asks DeviceProvisioning about every login, so it opens its doors when that answers.
// The quotes are HOCON's: bare, the value would not parse.
emqx.WithEnvironment("EMQX_AUTHENTICATION__1__URL", ReferenceExpression.Create(
        $"\"{devices.GetEndpoint("http")}/internal/mqtt/authenticate\""))
    .WithEnvironment("EMQX_CONNECTORS__HTTP__DEVICE_PROVISIONING__URL", ReferenceExpression.Create(
        $"\"{devices.GetEndpoint("http")}\""))
    .WaitFor(devices);

var billingMigrations = builder.AddMigrations<Projects.EasySmart_BillingQuota>("billing-quota-migrations", billingDatabase);
var billing = builder.AddService<Projects.EasySmart_BillingQuota>("billing-quota", internalIdentityKey)
    .WithDatabase(billingDatabase, billingMigrations)
    .WithMessages(rabbitmq)
    .WithReference(identity)
    .WithReference(devices)
    .WithEnvironment("Internal__ServiceKey", serviceKey);

// Each fills a replica from the other: of the devices, and of the quotas.
devices.WithReference(billing);

var ingestionMigrations = builder.AddMigrations<Projects.EasySmart_Ingestion>("ingestion-migrations", telemetryWriting);
IResourceBuilder<ProjectResource> AddIngestion(string name, int session) =>
    builder.AddService<Projects.EasySmart_Ingestion>(name, internalIdentityKey)
        .WithDatabase(telemetryWriting, ingestionMigrations)
        .WithMessages(rabbitmq)
        .WithReference(identity)
        .WithReference(devices)
        .WithReference(billing)
        .WithEnvironment("Internal__ServiceKey", serviceKey)
        .WithEnvironment("Mqtt__Host", emqxServices.Property(EndpointProperty.Host))
        .WithEnvironment("Mqtt__Port", emqxServices.Property(EndpointProperty.Port))
        .WithEnvironment("Mqtt__Username", "service/ingestion")
        .WithEnvironment("Mqtt__Password", ingestionMqttPassword)
        .WithEnvironment("Mqtt__ClientId", "service/ingestion-" + session)
        .WithEnvironment("Mqtt__SharedSubscription", "true")
        .WaitFor(emqx);
var ingestion = AddIngestion("ingestion", session: 1);
// A real fleet's telemetry is shared by four sessions: deploy/emqx/README.md has the sums. Requests go to the first.
for (var session = 2; builder.ExecutionContext.IsPublishMode && session <= 4; session++)
{
    AddIngestion($"ingestion-{session}", session);
}

// Reads the views that ingestion's migrations make.
var telemetryQuery = builder.AddService<Projects.EasySmart_TelemetryQuery>("telemetry-query", internalIdentityKey)
    .WithDatabase(telemetryReading, ingestionMigrations);

var notifierMigrations = builder.AddMigrations<Projects.EasySmart_Notifier>("notifier-migrations", notifierDatabase);
var notifier = builder.AddService<Projects.EasySmart_Notifier>("notifier", internalIdentityKey)
    .WithDatabase(notifierDatabase, notifierMigrations)
    .WithMessages(rabbitmq);

// The one way in.
var gateway = builder.AddService<Projects.EasySmart_Gateway>("gateway", internalIdentityKey, port: 8080)
    .WithExternalHttpEndpoints()
    .WithEnvironment("Internal__ServiceKey", serviceKey);
IResourceBuilder<ProjectResource>[] services = [identity, devices, ingestion, telemetryQuery, billing, notifier];
foreach (var service in services)
{
    gateway.WithReference(service).WaitFor(service);
}
// The webhook, which emqx.conf ships switched off.
emqx.WithEnvironment("EMQX_CONNECTORS__HTTP__GATEWAY__URL", ReferenceExpression.Create($"\"{gateway.GetEndpoint("http")}\""));
gateway.WithUrl($"{gateway.GetEndpoint("http")}/health", "Health");

builder.Build().Run();
