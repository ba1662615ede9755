using System.ComponentModel.DataAnnotations;
using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace EasySmart.Identity.Users;

/// <summary>What to change; what is absent stays.</summary>
public sealed record UpdateUserRequest
{
    /// <summary><c>tenant_admin</c> or <c>tenant_user</c>.</summary>
    public Role? Role { get; init; }

    /// <summary><c>active</c> or <c>suspended</c>.</summary>
    [DeniedValues(AccountStatus.Deleted, ErrorMessage = "Must be active or suspended; DELETE deletes")]
    public AccountStatus? Status { get; init; }
}

/// <summary><c>PATCH /users/{user_id}</c>: another role, suspension and its end. What the user held before stops passing within seconds.</summary>
internal static class UpdateUser
{
    public static async Task<Results<Ok<UserView>, ProblemResult>> HandleAsync(
        [FromRoute(Name = "user_id")] Guid userId, UpdateUserRequest request, AccountScope scope, Caller caller, AccountChanges changes, CancellationToken cancellation)
    {
        if (request.Role is { } role && AccountChanges.RefuseRole(role, scope) is { } refusal)
        {
            return refusal;
        }

        return await changes.ApplyAsync(scope, caller, userId, request.Role, request.Status, cancellation) switch
        {
            { Problem: { } problem } => problem,
            var changed => TypedResults.Ok(UserView.Of(changed.User!)),
        };
    }
}
