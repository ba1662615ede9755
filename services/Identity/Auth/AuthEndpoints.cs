using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;

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
}
