using EasySmart.ServiceDefaults.Postgres;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EasySmart.ServiceDefaults.Tests;

/// <summary>A query that forgot its WHERE sees one tenant, or none.</summary>
public sealed class TenantTransactionTests(SampleService sample)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private NpgsqlDataSource Callers => sample.App.Services.GetRequiredService<NpgsqlDataSource>();

    [Fact]
    public async Task A_query_without_WHERE_sees_the_tenant_of_its_transaction_only()
    {
        var (mine, other) = (Guid.NewGuid(), Guid.NewGuid());
        await AddNoteAsync(mine);
        await AddNoteAsync(other);
        await using var connection = await Callers.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTenantAsync(mine, Cancellation);
        Assert.Equal([mine], await TenantsSeenAsync(connection));
    }

    [Fact]
    public async Task Without_a_tenant_no_row_is_seen_also_on_a_connection_that_had_one()
    {
        await AddNoteAsync(Guid.NewGuid());
        // One connection in the pool, so that the second use is a reuse.
        await using var source = NpgsqlDataSource.Create(sample.Database.For("notifier_app") + ";Maximum Pool Size=1");
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        {
            Assert.Empty(await TenantsSeenAsync(connection));
            await using var transaction = await connection.BeginTenantAsync(Guid.NewGuid(), Cancellation);
            await transaction.CommitAsync(Cancellation);
            Assert.Empty(await TenantsSeenAsync(connection));
        }

        await using var reused = await source.OpenConnectionAsync(Cancellation);
        Assert.Empty(await TenantsSeenAsync(reused));
    }

    [Fact]
    public async Task A_row_of_another_tenant_cannot_be_written()
    {
        await using var connection = await Callers.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTenantAsync(Guid.NewGuid(), Cancellation);
        await using var insert = new NpgsqlCommand("INSERT INTO notes VALUES (gen_random_uuid(), gen_random_uuid(), 'x')", connection);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => insert.ExecuteNonQueryAsync(Cancellation));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Fact]
    public async Task The_constraint_that_decided_a_race_has_a_name()
    {
        await using var scope = sample.App.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<NotesDb>();
        var tenant = Guid.NewGuid();
        var text = Guid.NewGuid().ToString();
        await using var transaction = await db.Database.BeginTenantAsync(tenant, Cancellation);
        db.AddRange(new Note(Guid.NewGuid(), tenant, text), new Note(Guid.NewGuid(), tenant, text));
        var failure = await Assert.ThrowsAsync<DbUpdateException>(() => db.SaveChangesAsync(Cancellation));
        Assert.Equal("notes_text_key", failure.ViolatedConstraint());
    }

    [Fact]
    public async Task Callers_add_to_the_outbox_and_never_see_it()
    {
        await using var read = Callers.CreateCommand("SELECT * FROM outbox");
        Assert.Equal(
            PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => read.ExecuteNonQueryAsync(Cancellation))).SqlState);
    }

    private static async Task<List<Guid>> TenantsSeenAsync(NpgsqlConnection connection)
    {
        await using var select = new NpgsqlCommand("SELECT DISTINCT tenant_id FROM notes", connection);
        await using var reader = await select.ExecuteReaderAsync(Cancellation);
        var seen = new List<Guid>();
        while (await reader.ReadAsync(Cancellation))
        {
            seen.Add(reader.GetGuid(0));
        }

        return seen;
    }

    private async Task AddNoteAsync(Guid tenant)
    {
        await using var scope = sample.App.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<SystemContext<NotesDb>>().Value;
        db.Add(new Note(Guid.NewGuid(), tenant, Guid.NewGuid().ToString()));
        await db.SaveChangesAsync(Cancellation);
    }
}
