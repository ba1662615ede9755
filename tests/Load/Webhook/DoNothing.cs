using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EasySmart.Load;

/// <summary>Stands where the gateway looks for ingestion, reads what comes, does nothing with it and says what ingestion would say.</summary>
internal static class DoNothing
{
    private static readonly byte[] Answer = [.. """{"success":true,"device_id":"00000000-0000-0000-0000-000000000000","slot":0}"""u8];

    public static async Task<(WebApplication Server, Uri Address)> StartAsync(CancellationToken cancellation)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Run(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = Answer.Length;
            await context.Response.Body.WriteAsync(Answer, context.RequestAborted);
        });
        await app.StartAsync(cancellation);
        return (app, new Uri(app.Urls.First()));
    }
}
