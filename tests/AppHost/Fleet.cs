using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;

namespace EasySmart.AppHost.Tests;

/// <summary>
/// The AppHost's model. It is taken from the builder, because building the application would go on to start it;
/// so it needs no Docker.
/// </summary>
public sealed class Fleet : IAsyncLifetime
{
    public static readonly string[] Services =
        ["identity", "device-provisioning", "ingestion", "telemetry-query", "billing-quota", "notifier"];

    private IDistributedApplicationTestingBuilder? _builder;

    public async ValueTask InitializeAsync() =>
        _builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.EasySmart_AppHost>();

    public ValueTask DisposeAsync() => _builder?.DisposeAsync() ?? ValueTask.CompletedTask;

    public IEnumerable<IResource> Resources => _builder!.Resources;

    public IResource this[string name] =>
        Resources.FirstOrDefault(resource => resource.Name == name) ?? throw new InvalidOperationException($"The model has no {name}.");

    /// <summary>
    /// The environment of a resource as expressions (<c>{hooks-key.value}</c>): which secret goes where is seen, no secret is.
    /// Keys are compared as configuration compares them.
    /// </summary>
    public async Task<Dictionary<string, string>> EnvironmentOf(string name)
    {
        var resource = this[name];
        var context = new EnvironmentCallbackContext(_builder!.ExecutionContext, resource);
        foreach (var annotation in resource.Annotations.OfType<EnvironmentCallbackAnnotation>())
        {
            await annotation.Callback(context);
        }
        return context.EnvironmentVariables.ToDictionary(
            variable => variable.Key,
            variable => variable.Value is IManifestExpressionProvider value ? value.ValueExpression : $"{variable.Value}",
            StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The names of the secret parameters that a resource is given, alone or as part of a longer value.</summary>
    public async Task<string[]> SecretsOf(string name)
    {
        var values = (await EnvironmentOf(name)).Values;
        return [.. Resources.OfType<ParameterResource>()
            .Where(parameter => parameter.Secret)
            .Where(parameter => values.Any(value => value.Contains($"{{{parameter.Name}.value}}", StringComparison.Ordinal)))
            .Select(parameter => parameter.Name)
            .Order(StringComparer.Ordinal)];
    }

    public async Task<string[]> ArgumentsOf(string name)
    {
        List<object> arguments = [];
        foreach (var annotation in this[name].Annotations.OfType<CommandLineArgsCallbackAnnotation>())
        {
            await annotation.Callback(new CommandLineArgsCallbackContext(arguments));
        }
        return [.. arguments.Select(argument => $"{argument}")];
    }

    public string[] WaitsOf(string name, WaitType type) =>
        [.. this[name].Annotations.OfType<WaitAnnotation>()
            .Where(wait => wait.WaitType == type)
            .Select(wait => wait.Resource.Name)
            .Distinct()
            .Order(StringComparer.Ordinal)];
}
