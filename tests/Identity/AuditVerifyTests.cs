using System.Diagnostics;
using EasySmart.Identity.Auditing;

namespace EasySmart.Identity.Tests;

/// <summary>What the owner of the server might do to the records of one tenant, and how it shows.</summary>
public sealed class AuditVerifyTests(AuditDatabase audit) : IClassFixture<AuditDatabase>
{
    private const string Mine = "tenant_id = '{tenant}'";

    public static TheoryData<string, string> Tampering => new()
    {
        { $"UPDATE audit SET result = 'denied' WHERE {Mine} AND chain_position = 3", "at position 3: it was changed after it was stored" },
        { $"UPDATE audit SET user_id = NULL WHERE {Mine} AND chain_position = 3", "at position 3: it was changed after it was stored" },
        { $$"""UPDATE audit SET metadata = '{"reason": "another"}' WHERE {{Mine}} AND chain_position = 3""", "at position 3: it was changed" },
        { $"UPDATE audit SET timestamp = timestamp - interval '1 microsecond' WHERE {Mine} AND chain_position = 10", "at position 10: it was changed" },
        { $"UPDATE audit SET timestamp = 'infinity' WHERE {Mine} AND chain_position = 10", "at position 10: it was changed" },
        { $"UPDATE audit SET recorded_at = now() - interval '1 day' WHERE {Mine} AND chain_position = 1", "at position 1: it was changed" },
        { $"UPDATE audit SET event_type = 'auth.logi', event_category = 'nauth' WHERE {Mine} AND chain_position = 1", "at position 1: it was changed" },
        { $"UPDATE audit SET hash = sha256('x') WHERE {Mine} AND chain_position = 3", "at position 3: it was changed" },
        { $"UPDATE audit SET ip_address = '198.51.100.1' WHERE {Mine} AND chain_position = 3", "at position 3: its personal data was changed" },
        { $$"""UPDATE audit SET personal = '{"email": "eva@example.com"}' WHERE {{Mine}} AND chain_position = 3""", "at position 3: its personal data" },
        { $"UPDATE audit SET ip_address = NULL, user_agent = NULL, personal = NULL, personal_salt = NULL WHERE {Mine} AND chain_position = 3", "personal data of 1 records is gone, and records of erasures account for 0" },
        { $"DELETE FROM audit WHERE {Mine} AND chain_position = 3", "at position 4: the 1 before it are gone" },
        { $"DELETE FROM audit WHERE {Mine} AND chain_position < 3", "at position 3: the 2 before it are gone" },
        { $"DELETE FROM audit WHERE {Mine} AND chain_position > 8", "2 records after position 8 are gone, as a published head tells" },
        { $"DELETE FROM audit WHERE {Mine} AND chain_position > 8; {Reset(8)}", "2 records after position 8 are gone, as a published head tells" },
        { $"DELETE FROM audit WHERE {Mine} AND chain_position > 8; DELETE FROM audit_published_heads WHERE chain = '{{tenant}}'", "are gone, as the chain's head tells" },
        { $"DELETE FROM audit WHERE {Mine}", "10 records after position 0 are gone" },
        { $"DELETE FROM audit WHERE {Mine}; DELETE FROM audit_heads WHERE chain = '{{tenant}}'", "10 records after position 0 are gone, as a published head tells" },
        { "DELETE FROM audit_heads WHERE chain = '{tenant}'", "the chain's head is gone" },
        { "UPDATE audit_heads SET position = 9 WHERE chain = '{tenant}'", "the chain's head is not its last record" },
        { Swap, "at position 3: it does not follow the record before it" },
        { $"UPDATE audit SET chain_position = 0 WHERE {Mine} AND chain_position = 10", "at position 0: it was put in" },
        { $"UPDATE audit SET tenant_id = gen_random_uuid() WHERE {Mine} AND chain_position = 10", "1 records after position 9 are gone" },
        { Rewrite, "at position 10: it is not the one whose hash was published on" },
    };

    // Every hash made anew after a change, head and all, as only somebody who knows the house would.
    private static string Rewrite =>
        $$"""
        DO $$
        DECLARE
            entry    audit;
            previous bytea;
        BEGIN
            UPDATE audit SET result = 'denied' WHERE {{Mine}} AND chain_position = 3;
            FOR entry IN SELECT * FROM audit WHERE {{Mine}} ORDER BY chain_position LOOP
                entry.previous_hash := previous;
                previous := audit_hash(entry);
                UPDATE audit SET previous_hash = entry.previous_hash, hash = previous WHERE seq = entry.seq;
            END LOOP;
            {{Reset(10)}};
        END $$
        """;

    private static string Swap =>
        $"""
        UPDATE audit SET chain_position = -3 WHERE {Mine} AND chain_position = 3;
        UPDATE audit SET chain_position = 3 WHERE {Mine} AND chain_position = 4;
        UPDATE audit SET chain_position = 4 WHERE {Mine} AND chain_position = -3
        """;

    [Theory]
    [MemberData(nameof(Tampering))]
    public async Task Tampering_shows_and_where(string sql, string finding)
    {
        var (tenant, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await audit.RecordAsync(tenant, 10);
        await audit.RecordAsync(other, 3);
        await audit.PublishHeadsAsync();
        Assert.Null((await audit.VerifyAsync(tenant)).Break);

        await audit.TamperAsync(sql.Replace("{tenant}", tenant.ToString(), StringComparison.Ordinal));
        Assert.Contains(finding, (await audit.VerifyAsync(tenant)).Break, StringComparison.Ordinal);
        // No other chain is touched by it.
        var untouched = await audit.VerifyAsync(other);
        Assert.Equal((3L, (string?)null), (untouched.Records, untouched.Break));
    }

    [Fact]
    public async Task The_command_names_every_chain_and_the_broken_record()
    {
        await using var own = new AuditDatabase();
        await own.InitializeAsync();
        var tenant = Guid.CreateVersion7();
        await own.RecordAsync(null, 4);
        await own.RecordAsync(tenant, 1500);

        var (exit, output, _) = await RunAsync(own);
        Assert.Equal(0, exit);
        Assert.Matches(@"^platform: 4 records, head 4 [0-9a-f]{64}$", output[0]);
        Assert.Matches($"^{tenant}: 1500 records, head 1500 [0-9a-f]{{64}}$", output[1]);
        Assert.Equal(["2 whole, none broken"], output[2..]);

        var record = (await Sql.RowsAsync(own.Database.ForSuperuser(), $"SELECT event_id FROM audit WHERE tenant_id = '{tenant}' AND chain_position = 1001"))[0]["event_id"];
        await own.TamperAsync($"UPDATE audit SET action = 'logout' WHERE event_id = '{record}'");
        (exit, output, _) = await RunAsync(own);
        Assert.Equal(1, exit);
        Assert.Equal($"{tenant}: BROKEN after 1000 records: record {record} at position 1001: it was changed after it was stored", output[1]);
        Assert.Equal("1 whole, 1 BROKEN", output[2]);

        Assert.Equal(0, (await RunAsync(own, "platform")).Exit);
        Assert.Equal(1, (await RunAsync(own, tenant.ToString())).Exit);
        (exit, output, _) = await RunAsync(own, Guid.CreateVersion7().ToString());
        Assert.Equal(1, exit);
        Assert.Contains("there is no such chain", output[0], StringComparison.Ordinal);
        (exit, _, var error) = await RunAsync(own, "nobody");
        Assert.Equal(1, exit);
        Assert.Contains("Usage: audit-verify [tenant_id|platform]", error, StringComparison.Ordinal);
    }

    private static string Reset(int position) =>
        $"UPDATE audit_heads SET (position, hash) = (SELECT chain_position, hash FROM audit WHERE {Mine} AND chain_position = {position}) WHERE chain = '{{tenant}}'";

    private static async Task<(int Exit, string[] Output, string Error)> RunAsync(AuditDatabase own, params string[] arguments)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var start = new ProcessStartInfo("dotnet", ["exec", typeof(Program).Assembly.Location, VerifyAudit.Name, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = AppContext.BaseDirectory,
        };
        start.Environment["ConnectionStrings__DatabaseSystem"] = own.Database.For("identity_system");
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(cancellation), process.StandardError.ReadToEndAsync(cancellation));
        await process.WaitForExitAsync(cancellation);
        return (process.ExitCode, (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries), await error);
    }
}
