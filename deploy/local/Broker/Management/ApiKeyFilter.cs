using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace EasySmart.Broker;

/// <summary>EMQX's API key: Basic authentication. Without a key in the settings nobody has it.</summary>
internal sealed class ApiKeyFilter(BrokerOptions options) : IEndpointFilter
{
    private readonly byte[]? _expected =
        options.ApiKey.Length == 0 ? null : Hash(Encoding.UTF8.GetBytes($"{options.ApiKey}:{options.ApiSecret}"));

    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var request = context.HttpContext.Request;
        if (!AuthenticationHeaderValue.TryParse(request.Headers.Authorization, out var header)
            || !string.Equals(header.Scheme, "Basic", StringComparison.OrdinalIgnoreCase))
        {
            return Refuse(context.HttpContext, "AUTHORIZATION_HEADER_ERROR", "Support authorization: basic/bearer ");
        }

        var given = new byte[header.Parameter?.Length ?? 0];
        return Convert.TryFromBase64String(header.Parameter ?? "", given, out var length)
            && _expected is not null && CryptographicOperations.FixedTimeEquals(Hash(given.AsSpan(0, length)), _expected)
            ? next(context)
            : Refuse(context.HttpContext, "BAD_API_KEY_OR_SECRET", "Check api_key/api_secret");
    }

    // Of one length whatever was sent, so that the comparison takes as long for a guess that is too short.
    private static byte[] Hash(ReadOnlySpan<byte> keyAndSecret) => SHA256.HashData(keyAndSecret);

    private static ValueTask<object?> Refuse(HttpContext context, string code, string message)
    {
        context.Response.Headers.WWWAuthenticate = "Basic Realm=\"emqx-dashboard\"";
        return ValueTask.FromResult<object?>(ManagementApi.Error(StatusCodes.Status401Unauthorized, code, message));
    }
}
