using EasySmart.TelemetryQuery.Limits;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Net.Http.Headers;

namespace EasySmart.TelemetryQuery.Export;

/// <summary>An answer that is written while it is read from the database, at the client's pace.</summary>
/// <param name="format">What it is written as.</param>
/// <param name="name">The file's name.</param>
/// <param name="pieces">What is in it, standing at the first piece.</param>
/// <param name="any">Whether there is a first piece.</param>
/// <param name="goesOn">Whether it goes on with a file that broke off.</param>
internal sealed partial class ExportFile(ExportFormat format, string name, IAsyncEnumerator<Piece> pieces, bool any, bool goesOn) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var (response, left) = (httpContext.Response, httpContext.RequestAborted);
        response.ContentType = format.ContentType;
        response.Headers[HeaderNames.ContentDisposition] = $"attachment; filename=\"{name}\"";
        // A slow client may take its time: nothing is held for it but what is under way.
        httpContext.Features.Get<IHttpMinResponseDataRateFeature>()?.MinDataRate = null;
        await using (pieces)
        {
            try
            {
                using var export = httpContext.RequestServices.GetRequiredService<HeavyReads>().BeginExport();
                await response.StartAsync(left);
                var file = await format.Begin(response, goesOn);
                for (var more = any; more; more = await pieces.MoveNextAsync())
                {
                    await file.WriteAsync(pieces.Current, left);
                    await export.RestAsync(left);
                }

                await file.EndAsync(left);
            }
            catch (Exception) when (left.IsCancellationRequested)
            {
                // The client left.
            }
            catch (Exception fault)
            {
                // An answer that has begun cannot become an error, and must not look whole.
                LogBroken(httpContext.RequestServices.GetRequiredService<ILogger<ExportFile>>(), fault);
                httpContext.Abort();
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "An export broke off")]
    private static partial void LogBroken(ILogger logger, Exception fault);
}
