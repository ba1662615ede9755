using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;

namespace EasySmart.Identity.Auth;

/// <summary>How people get in. Open to whom the gateway does not know; the gateway also limits attempts by address.</summary>
internal static class AuthEndpoints
{
    public static void MapAuth(this IEndpointRouteBuilder routes)
    {
        var auth = routes.MapGroup("/auth").WithTags("Auth").AllowAnonymousCaller();
        auth.MapPost("/register", Register.HandleAsync).WithName("Register").Fails(403, 409, 429);
        auth.MapPost("/login", Login.HandleAsync).WithName("Login").Fails(401, 403, 429);
        auth.MapPost("/refresh", Refresh.HandleAsync).WithName("Refresh").Fails(401, 403);
    }

    private static void Fails(this RouteHandlerBuilder route, params int[] statuses)
    {
        foreach (var status in statuses)
        {
            route.Produces<ErrorEnvelope>(status);
        }
    }
}
