using EasySmart.Gateway;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.AspNetCore.Routing.Template;
using Route = EasySmart.Gateway.Route;

namespace EasySmart.ApiDocument;

/// <summary>What of a service is outside, as gateway/Routes.cs has it: of two services that know a path, it asks one.</summary>
internal static class GatewayTable
{
    internal const string Prefix = Routes.Prefix;

    // The most specific first, as the framework chooses.
    private static readonly List<(Route Route, TemplateMatcher Matcher)> Table =
    [
        .. Routes.All.Select(route => (Route: route, Pattern: RoutePatternFactory.Parse(route.Path)))
            .OrderBy(line => line.Pattern.InboundPrecedence)
            .Select(line => (line.Route, new TemplateMatcher(new RouteTemplate(line.Pattern), []))),
    ];

    /// <summary>The line by which a service's route is reached; null when it is not.</summary>
    internal static Route? Find(string service, string method, string path)
    {
        var line = Table.FirstOrDefault(line => line.Matcher.TryMatch(new PathString(path), [])).Route;
        return line is not null && line.Service == service && (line.OpenTo is null || line.OpenTo == method) ? line : null;
    }
}
