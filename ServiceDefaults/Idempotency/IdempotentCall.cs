using System.Diagnostics.CodeAnalysis;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;

namespace EasySmart.ServiceDefaults.Idempotency;

/// <summary>
/// One call of an idempotent route. The key is locked, looked up, and its answer stored in the very transaction in which the handler
/// works, so there is no state in between: after a crash at any point either both are there, the change and its answer, or neither is.
/// </summary>
internal static class IdempotentCall
{
    private const int MaxKeyLength = 255;

    // As Stripe tells a repeated answer from a first one.
    private const string ReplayedHeader = "Idempotency-Replayed";

    private static readonly TimeSpan Kept = TimeSpan.FromHours(24);

    private static readonly ProblemResult Malformed =
        Problem.BadRequest(IdempotencyExtensions.Header, "Must be sent once, with 1 to 255 visible ASCII characters");

    private static readonly ProblemResult Busy =
        Problem.Conflict("The first request with this Idempotency-Key is still being worked on") with { RetryAfter = 1 };

    // The draft has 422 for this; contract.md knows no such status.
    private static readonly ProblemResult Reused = Problem.Conflict("This Idempotency-Key was used for another request; take a new one for each");

    public static async Task RunAsync(HttpContext http, RequestDelegate handler, Func<HttpContext, ValueTask<DbContext>> contextOf)
    {
        var sent = http.Request.Headers[IdempotencyExtensions.Header];
        if (sent.Count == 0)
        {
            await handler(http);
            return;
        }

        if (!TryRead(sent, out var key))
        {
            await Malformed.ExecuteAsync(http);
            return;
        }

        var cancellation = http.RequestAborted;
        var (tenant, scope) = ScopeOf(http);
        var seal = http.RequestServices.GetRequiredService<IdempotencySeals>().For(scope, key);
        var now = http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        var fingerprint = await seal.FingerprintAsync(http.Request, cancellation);

        var db = await contextOf(http);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var keys = new IdempotencyKeys(db.Database, tenant, seal.Id);
        var found = await keys.FindAsync(now, cancellation);
        if (!found.Locked || found.Fingerprint is not null)
        {
            await transaction.RollbackAsync(cancellation);
            await AnswerAsync(http, found, fingerprint, seal);
            return;
        }

        var answer = await KeptAnswer.CaptureAsync(http, handler);
        // Only what was done is kept: a refused request changed nothing, and the reason may be gone when it is tried again.
        if (answer.IsSuccess)
        {
            await keys.KeepAsync(fingerprint, seal.Close(answer.ToBytes()), now + Kept, cancellation);
        }

        await transaction.CommitAsync(cancellation);
        await answer.WriteAsync(http);
    }

    private static bool TryRead(StringValues sent, [NotNullWhen(true)] out string? key)
    {
        key = sent.Count == 1 ? sent[0] : null;
        return key is { Length: >= 1 and <= MaxKeyLength } && key.All(c => c is > ' ' and <= '~');
    }

    // A key is its sender's own: the same text from another tenant, another user or on another route is another key.
    private static (Guid? Tenant, string Scope) ScopeOf(HttpContext http)
    {
        var caller = Caller.From(http);
        var tenant = caller.TenantId ?? (Guid.TryParse(http.Request.Query["tenant_id"].ToString(), out var named) ? named : null);
        var route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
        return (tenant, $"{tenant}\n{caller.Kind} {caller.Id}\n{http.Request.Method} {route}");
    }

    private static Task AnswerAsync(HttpContext http, FoundKey found, byte[] fingerprint, IdempotencySeal seal)
    {
        if (found.Fingerprint is null)
        {
            return Busy.ExecuteAsync(http);
        }

        if (!found.Fingerprint.AsSpan().SequenceEqual(fingerprint))
        {
            return Reused.ExecuteAsync(http);
        }

        http.Response.Headers[ReplayedHeader] = "true";
        return KeptAnswer.FromBytes(seal.Open(found.Answer!)).WriteAsync(http);
    }
}
