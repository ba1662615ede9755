using EasySmart.Identity.Accounts;
using EasySmart.Identity.Throttling;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.OpenApi;
using EasySmart.ServiceDefaults.Postgres;

namespace EasySmart.Identity.Auth;

/// <summary>How people get in, and what they do with their own account.</summary>
internal static class AuthEndpoints
{
    public static void MapAuth(this IEndpointRouteBuilder routes)
    {
        var open = routes.MapGroup("/auth").WithTags("Auth").AllowAnonymousCaller().AddEndpointFilter(ThrottleAsync);
        open.MapPost("/register", Register.HandleAsync).WithName("Register").Fails(403, 409);
        open.MapPost("/login", Login.HandleAsync).WithName("Login").WithSummary("Log in").Fails(401, 403);
        open.MapPost("/refresh", Refresh.HandleAsync).WithName("Refresh").Fails(401, 403);
        open.MapPost("/invitations/accept", AcceptInvitation.HandleAsync).WithName("AcceptInvitation").Fails(401, 403, 409);
        open.MapPost("/password/reset", ResetForgottenPassword.HandleAsync).WithName("ResetForgottenPassword").Fails(401);

        var own = routes.MapGroup("/auth").WithTags("Auth").RequireUser().WithMetadata(AccountsOf.Caller);
        own.MapGet("/me", GetMe.HandleAsync).WithName("GetMe").WithSummary("Who am I?");
        own.MapPost("/logout", Logout.ThisAsync).WithName("Logout").WithSummary("Log out");
        own.MapPost("/logout-all", Logout.AllAsync).WithName("LogoutAll").WithSummary("Log out everywhere");
        own.MapPost("/password", ChangePassword.HandleAsync).WithName("ChangePassword");
        own.MapGet("/sessions", ListSessions.HandleAsync).WithName("ListSessions");
        own.MapDelete("/sessions/{session_id}", Logout.OneAsync).WithName("EndSession");
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
}
