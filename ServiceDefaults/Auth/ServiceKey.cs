using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace EasySmart.ServiceDefaults.Auth;

/// <summary>Section <c>Internal</c>: what programs of the fleet prove themselves to each other with, where no caller stands behind a request.</summary>
public sealed record ServiceKeyOptions
{
    internal const string Section = "Internal";

    /// <summary>At least 32 characters; has no default.</summary>
    [Required(ErrorMessage = $"{Auth.ServiceKey.Setting} is not configured")]
    [MinLength(32, ErrorMessage = $"{Auth.ServiceKey.Setting} is shorter than 32 characters")]
    public string ServiceKey { get; init; } = "";
}

/// <summary>The key of <c>/internal</c> endpoints, which the gateway does not route.</summary>
public static class ServiceKey
{
    internal const string Setting = "Internal:ServiceKey";
    private const string Header = "X-EasySmart-Service-Key";

    /// <summary>Needs the key at start, so that a missing one is not found out as 401s.</summary>
    public static void AddServiceKey(this IHostApplicationBuilder builder) =>
        builder.Services.AddOptions<ServiceKeyOptions>().BindConfiguration(ServiceKeyOptions.Section).ValidateDataAnnotations().ValidateOnStart();

    /// <summary>Only for sister services (401, or 403 for a known caller); absent from the API document.</summary>
    public static TBuilder RequireServiceKey<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder =>
        builder.RequireKey(Header, Setting).WithMetadata(new ExcludeFromDescriptionAttribute());

    /// <summary>Sends the key with every request of <paramref name="client"/>.</summary>
    public static void AddTo(HttpClient client, IConfiguration configuration) =>
        client.DefaultRequestHeaders.Add(Header, configuration[Setting]);
}
