using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Idempotency;
using EasySmart.ServiceDefaults.OpenApi;

namespace EasySmart.Identity.ApiKeys;

/// <summary>Keys for programs. The contract has no permission of their own for them: who may manage people may manage keys.</summary>
internal static class ApiKeysEndpoints
{
    public static void MapApiKeys(this IEndpointRouteBuilder routes)
    {
        var keys = routes.MapGroup("/api-keys").WithTags("API keys").WithMetadata(new TenantNamed());
        // By people only: a key that leaked could otherwise leave others behind that outlive it.
        keys.MapPost("", CreateApiKey.HandleAsync).RequirePermission(Permissions.UsersWrite).RequireUser().WithName("CreateApiKey")
            .Idempotent(async context => (await KeysOf.BindAsync(context, null)).Db);
        keys.MapGet("", ListApiKeys.HandleAsync).RequirePermission(Permissions.UsersRead).WithName("ListApiKeys");
        keys.MapGet("/{api_key_id}", GetApiKey.HandleAsync).RequirePermission(Permissions.UsersRead).WithName("GetApiKey");
        keys.MapDelete("/{api_key_id}", RevokeApiKey.HandleAsync).RequirePermission(Permissions.UsersWrite).WithName("RevokeApiKey");

        routes.MapPost("/internal/api-keys/verify", VerifyApiKey.HandleAsync).RequireServiceKey();
    }
}
