namespace EasySmart.AppHost;

/// <summary>A role that the server's init.sh makes.</summary>
internal sealed record DatabaseRole(string Name, IResourceBuilder<ParameterResource> Password);

/// <summary>A database as one service sees it: who migrates it, who it runs as, and who it is when there is no caller.</summary>
internal sealed record ServiceDatabase(
    IResourceBuilder<PostgresDatabaseResource> Database, DatabaseRole Owner, DatabaseRole Runtime, DatabaseRole? System)
{
    /// <summary>
    /// A string for one role. The server's own, which Aspire would hand out, is a superuser's: row-level security would not hold.
    /// </summary>
    public ReferenceExpression ConnectionString(DatabaseRole role)
    {
        var endpoint = Database.Resource.Parent.PrimaryEndpoint;
        var (host, port) = (endpoint.Property(EndpointProperty.Host), endpoint.Property(EndpointProperty.Port));
        return ReferenceExpression.Create(
            $"Host={host};Port={port};Database={Database.Resource.DatabaseName};Username={role.Name};Password={role.Password.Resource}");
    }
}

internal static class ServiceDatabases
{
    /// <summary>Database D of the platform server with the roles D_owner, D_app and D_system (the last two share a password).</summary>
    public static ServiceDatabase AddPlatformDatabase(this IResourceBuilder<PostgresServerResource> server, string name)
    {
        var runtime = server.AddRole($"{name}_app");
        return new(
            server.AddDatabase($"{name}-database", name),
            server.AddRole($"{name}_owner"),
            runtime,
            runtime with { Name = $"{name}_system" });
    }

    /// <summary>A password for a role, and the variable in which init.sh reads it.</summary>
    public static DatabaseRole AddRole(this IResourceBuilder<PostgresServerResource> server, string role)
    {
        var password = server.ApplicationBuilder.AddPassword($"{role.Replace('_', '-')}-password");
        server.WithEnvironment($"{role.ToUpperInvariant()}_PASSWORD", password);
        return new(role, password);
    }
}
