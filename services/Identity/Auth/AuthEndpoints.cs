using EasySmart.Identity.Accounts;
using EasySmart.Identity.Throttling;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Postgres;

namespace EasySmart.Identity.Auth;

/// <summary>How people get in, and what they do with their own account.</summary>
internal static class AuthEndpoints
{
    public static void MapAuth(this IEndpointRouteBuilder routes)
    {
        var open = routes.MapGroup("/auth").WithTags("Auth").AllowAnonymousCaller().AddEndpointFilter(ThrottleAsync);
        open.MapPost("/register", Register.HandleAsync).WithName("Register").Fails(403, 409, 429);
        open.MapPost("/login", Login.HandleAsync).WithName("Login").Fails(401, 403, 429);
        open.MapPost("/refresh", Refresh.HandleAsync).WithName("Refresh").Fails(401, 403, 429);
        open.MapPost("/invitations/accept", AcceptInvitation.HandleAsync).WithName("AcceptInvitation").Fails(401, 403, 409, 429);
        open.MapPost("/password/reset", ResetForgottenPassword.HandleAsync).WithName("ResetForgottenPassword").Fails(401, 429);

        var own = routes.MapGroup("/auth").WithTags("Auth").RequireUser().WithMetadata(AccountsOf.Caller);
        own.MapGet("/me", GetMe.HandleAsync).WithName("GetMe");
        own.MapPost("/logout", Logout.ThisAsync).WithName("Logout");
        own.MapPost("/logout-all", Logout.AllAsync).WithName("LogoutAll");
        own.MapPost("/password", ChangePassword.HandleAsync).WithName("ChangePassword").Fails(429);
        own.MapGet("/sessions", ListSessions.HandleAsync).WithName("ListSessions");
        own.MapDelete("/sessions/{session_id}", Logout.OneAsync).WithName("EndSession").Fails(404);
    }

    // After validation: what is not even valid proves nothing, and the gateway counts it with all other requests of its address.
    private static async ValueTask<object?> ThrottleAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var services = context.HttpContext.RequestServices;
        var caller = context.Arguments.OfType<Caller>().Single();
        return await services.GetRequiredService<Throttles>().RefuseAsync(
            services.GetRequiredService<SystemContext<IdentityDb>>().Value, caller, context.HttpContext.RequestAborted) is { } refusal
            ? refusal
            : await next(context);
    }

    private static void Fails(this RouteHandlerBuilder route, params int[] statuses)
    {
        foreach (var status in statuses)
        {
            route.Produces<ErrorEnvelope>(status);
        }
    }
}
