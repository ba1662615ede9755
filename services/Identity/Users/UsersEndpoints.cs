using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Idempotency;
using EasySmart.ServiceDefaults.OpenApi;

namespace EasySmart.Identity.Users;

/// <summary>Users of a tenant, and the platform's own: the same routes twice, since they differ only in whose accounts they are about.</summary>
internal static class UsersEndpoints
{
    public static void MapUsers(this IEndpointRouteBuilder routes)
    {
        Map(routes.MapGroup("/users").WithTags("Users").WithMetadata(new TenantNamed()), "", Permissions.UsersRead, Permissions.UsersWrite, Permissions.UsersDelete);
        Map(
            routes.MapGroup("/admins").WithTags("Super-admins").WithMetadata(AccountsOf.Platform),
            "Admin",
            Permissions.SystemAdmin,
            Permissions.SystemAdmin,
            Permissions.SystemAdmin);
    }

    private static void Map(RouteGroupBuilder users, string kind, string read, string write, string delete)
    {
        users.MapGet("", ListUsers.HandleAsync).RequirePermission(read).WithName($"List{kind}Users");
        users.MapGet("/{user_id}", GetUser.HandleAsync).RequirePermission(read).WithName($"Get{kind}User");
        users.MapPatch("/{user_id}", UpdateUser.HandleAsync).RequirePermission(write).WithName($"Update{kind}User").Fails(409, "This is the last active admin");
        users.MapDelete("/{user_id}", DeleteUser.HandleAsync).RequirePermission(delete).WithName($"Delete{kind}User").Fails(409, "This is the last active admin");
        users.MapPost("/{user_id}/password-reset", IssuePasswordReset.HandleAsync).RequirePermission(write).WithName($"Issue{kind}PasswordReset");
        users.MapGet("/invitations", ListInvitations.HandleAsync).RequirePermission(read).WithName($"List{kind}Invitations");
        users.MapPost("/invitations", InviteUser.HandleAsync).RequirePermission(write).WithName($"Invite{kind}User")
            .Fails(409, "This e-mail address has an account already")
            .Idempotent(async context => (await AccountScope.BindAsync(context, null)).Db);
        users.MapDelete("/invitations/{invitation_id}", WithdrawInvitation.HandleAsync).RequirePermission(write).WithName($"Withdraw{kind}Invitation");
    }
}
