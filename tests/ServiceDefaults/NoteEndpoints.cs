using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using EasySmart.ServiceDefaults.Idempotency;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace EasySmart.ServiceDefaults.Tests;

/// <summary>An idempotent route whose handler works in every way that handlers do.</summary>
internal static class NoteEndpoints
{
    public static void MapNotes(this IEndpointRouteBuilder app)
    {
        app.MapPost("/notes", HandleAsync).Idempotent<NotesDb>().ExcludeFromDescription();
        app.MapPost("/plain-notes", PlainAsync)
            .Idempotent(http => ValueTask.FromResult<Microsoft.EntityFrameworkCore.DbContext>(
                ((SystemContext<NotesDb>)http.RequestServices.GetService(typeof(SystemContext<NotesDb>))!).Value))
            .ExcludeFromDescription();
    }

    private static async Task<IResult> HandleAsync(string way, TenantScope tenant, NotesDb db, CancellationToken cancellation)
    {
        if (way == "second try")
        {
            await using var first = await db.Database.BeginTenantAsync(tenant.Id, cancellation);
            await AddAsync(db, tenant, "taken back", cancellation);
        }

        await using (var transaction = await db.Database.BeginTenantAsync(tenant.Id, cancellation))
        {
            db.ChangeTracker.Clear();
            await AddAsync(db, tenant, way, cancellation);
            if (way == "refuse")
            {
                return Problem.Conflict("Not like this");
            }

            await transaction.CommitAsync(cancellation);
        }

        return way switch
        {
            "record and refuse" => Problem.Conflict("Not like this, and there is a note of it"),
            "throw" => throw new InvalidOperationException("After the commit"),
            _ => TypedResults.Created($"/notes/{way}", Guid.NewGuid()),
        };
    }

    // No transaction of its own: each SaveChanges is one, or a part of the route's.
    private static async Task<IResult> PlainAsync(string way, TenantScope tenant, SystemContext<NotesDb> system, CancellationToken cancellation)
    {
        await AddAsync(system.Value, tenant, way, cancellation);
        return TypedResults.Created((string?)null, Guid.NewGuid());
    }

    private static Task<int> AddAsync(NotesDb db, TenantScope tenant, string text, CancellationToken cancellation)
    {
        db.Add(new Note(Guid.NewGuid(), tenant.Id, $"{text} {Guid.NewGuid()}"));
        return db.SaveChangesAsync(cancellation);
    }
}
