using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace EasySmart.Identity.Users;

/// <summary><c>DELETE /users/{user_id}</c>: shut out for good. The row stays for the audit, and its e-mail address is free again.</summary>
internal static class DeleteUser
{
    public static async Task<Results<NoContent, ProblemResult>> HandleAsync(
        [FromRoute(Name = "user_id")] Guid userId, AccountScope scope, Caller caller, AccountChanges changes, CancellationToken cancellation) =>
        await changes.ApplyAsync(scope, caller, userId, null, AccountStatus.Deleted, cancellation) is { Problem: { } problem }
            ? problem
            : TypedResults.NoContent();
}
