namespace EasySmart.AppHost;

/// <summary>What every service of ours is given in the same way.</summary>
internal static class Services
{
    public static IResourceBuilder<ProjectResource> AddService<TProject>(
        this IDistributedApplicationBuilder builder, string name, IResourceBuilder<ParameterResource> internalIdentityKey, int? port = null)
        where TProject : IProjectMetadata, new() =>
        builder.AddProject<TProject>(name)
            .WithHttpEndpoint(port, name: "http")
            .WithHttpProbe(ProbeType.Readiness, "/health/ready", endpointName: "http")
            // Published projects would otherwise believe an X-Forwarded-For from anybody.
            .DisableForwardedHeaders()
            .WithEnvironment("InternalIdentity__Key", internalIdentityKey);

    /// <summary>The service's own binary with the owner's string, which the service itself never gets.</summary>
    public static IResourceBuilder<ProjectResource> AddMigrations<TProject>(
        this IDistributedApplicationBuilder builder, string name, ServiceDatabase database)
        where TProject : IProjectMetadata, new() =>
        builder.AddProject<TProject>(name)
            .WithArgs("migrate")
            .WithEnvironment("ConnectionStrings__DatabaseOwner", database.ConnectionString(database.Owner))
            .WaitFor(database.Database);

    public static IResourceBuilder<ProjectResource> WithDatabase(
        this IResourceBuilder<ProjectResource> service, ServiceDatabase database, IResourceBuilder<ProjectResource> migrations)
    {
        service.WithEnvironment("ConnectionStrings__Database", database.ConnectionString(database.Runtime))
            .WaitFor(database.Database)
            .WaitForCompletion(migrations);
        if (database.System is { } system)
        {
            service.WithEnvironment("ConnectionStrings__DatabaseSystem", database.ConnectionString(system));
        }
        return service;
    }

    /// <summary>Gives ConnectionStrings__rabbitmq; configuration keys ignore case.</summary>
    public static IResourceBuilder<ProjectResource> WithMessages(
        this IResourceBuilder<ProjectResource> service, IResourceBuilder<RabbitMQServerResource> rabbitmq) =>
        service.WithReference(rabbitmq).WaitFor(rabbitmq);
}
