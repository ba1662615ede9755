using Microsoft.AspNetCore.Builder;

namespace EasySmart.ServiceDefaults.Telemetry;

/// <summary>The name by which a request can be found in every log: taken from the caller, or made.</summary>
public static class RequestId
{
    /// <summary>The header that carries it, inward and outward.</summary>
    public const string Header = "X-Request-ID";

    internal static void Use(IApplicationBuilder app) => app.Use((context, next) =>
    {
        var sent = context.Request.Headers[Header].ToString();
        if (!IsAcceptable(sent))
        {
            sent = Guid.CreateVersion7().ToString();
            context.Request.Headers[Header] = sent;
        }

        context.TraceIdentifier = sent;
        // On starting, because the exception handler clears headers that were set before.
        context.Response.OnStarting(() =>
        {
            context.Response.Headers[Header] = sent;
            return Task.CompletedTask;
        });
        return next(context);
    });

    private static bool IsAcceptable(string id) => id.Length is >= 1 and <= 128 && id.All(c => c is > ' ' and <= '~');
}
