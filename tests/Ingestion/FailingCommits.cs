using Npgsql;

namespace EasySmart.Ingestion.Tests;

/// <summary>Has the database refuse commits that leave usage, at their very end: after every statement has succeeded.</summary>
internal static class FailingCommits
{
    /// <param name="owner">The database, as one who may.</param>
    /// <param name="when">An SQL condition, asked for each commit.</param>
    public static Task BeginAsync(NpgsqlDataSource owner, string when) => ExecuteAsync(
        owner,
        $"""
        CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF {when} THEN RAISE EXCEPTION 'at its end' USING ERRCODE = '40001'; END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON used DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail();
        """);

    public static Task EndAsync(NpgsqlDataSource owner) => ExecuteAsync(owner, "DROP TRIGGER fails ON used");

    private static async Task ExecuteAsync(NpgsqlDataSource owner, string sql)
    {
        await using var command = owner.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
