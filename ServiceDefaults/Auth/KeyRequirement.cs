using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;

namespace EasySmart.ServiceDefaults.Auth;

/// <summary>A credential of an endpoint's own, for callers that are not people: a broker's hook, a sister service.</summary>
internal sealed record KeyRequirement(string Header, string ConfigurationKey) : IAuthorizationRequirement;

internal sealed class KeyRequirementHandler(IConfiguration configuration) : AuthorizationHandler<KeyRequirement, HttpContext>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, KeyRequirement requirement, HttpContext resource)
    {
        var expected = configuration[requirement.ConfigurationKey];
        var sent = resource.Request.Headers[requirement.Header].ToString();
        // Hashed first, so that not even the length shows in the time taken. A key that is not configured matches nothing.
        if (!string.IsNullOrEmpty(expected)
            && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(sent)), SHA256.HashData(Encoding.UTF8.GetBytes(expected))))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }
}
