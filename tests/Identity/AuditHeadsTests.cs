using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.Identity.Auditing;
using EasySmart.ServiceDefaults.Auth;
using Npgsql;

namespace EasySmart.Identity.Tests;

/// <summary>The daily published ends of the chains.</summary>
public sealed class AuditHeadsTests(IdentityHost host, AuditDatabase audit) : IClassFixture<AuditDatabase>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_day_has_one_head_of_each_chain_however_often_and_by_whomever_it_is_published()
    {
        var (tenant, late) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var clock = new Clock { Now = new DateTimeOffset(2026, 2, 15, 0, 0, 30, TimeSpan.Zero) };
        var log = new HeardLines<PublishHeads>();
        var instances = Enumerable.Range(0, 4).Select(_ => new PublishHeads(audit.System, clock, log)).ToArray();
        await audit.RecordAsync(tenant, 3);
        await audit.RecordAsync(null, 1);
        await PublishAsync();
        await audit.RecordAsync(tenant, 2);
        await audit.RecordAsync(late, 1);
        clock.Now = clock.Now.AddHours(23);
        await PublishAsync();
        clock.Now = clock.Now.AddHours(1);
        await PublishAsync();

        var rows = await Sql.RowsAsync(audit.Database.ForSuperuser(), "SELECT day, chain, position, encode(hash, 'hex') AS hash FROM audit_published_heads ORDER BY day, position");
        var (first, second) = (new DateOnly(2026, 2, 15), new DateOnly(2026, 2, 16));
        Assert.Equal(
            [(first, Guid.Empty, 1L), (first, tenant, 3L), (second, tenant, 5L)],
            rows.Where(row => (Guid)row["chain"]! != late && ((DateOnly)row["day"]! == first || (Guid)row["chain"]! == tenant))
                .Select(row => ((DateOnly)row["day"]!, (Guid)row["chain"]!, (long)row["position"]!)));
        // One that began after midnight did not wait for the next.
        Assert.Equal(2, rows.Count(row => (Guid)row["chain"]! == late));
        Assert.Equal(6, rows.Count);
        // Each left the database's reach as a line of the log, once.
        Assert.Equal(
            rows.Select(row => $"Audit head of {row["day"]:yyyy-MM-dd}: chain {new Chain((Guid)row["chain"]!)} ends at {row["position"]} with {row["hash"]}").Order(),
            log.All.Select(one => one.Line).Order());
        Assert.Null((await audit.VerifyAsync(tenant)).Break);

        Task PublishAsync() => Task.WhenAll(instances.Concat(instances).Select(one => one.PublishAsync(Cancellation)));
    }

    [Fact]
    public async Task They_are_served_to_whom_they_concern()
    {
        // Of one day they are in the order of the chains' ids, the last one first.
        var (tenant, other) = (Guid.NewGuid(), Guid.NewGuid());
        Guid[] both = string.CompareOrdinal(tenant.ToString(), other.ToString()) > 0 ? [tenant, other] : [other, tenant];
        await Sql.RunAsync(
            host.Database.For("identity_system"),
            $"""
            INSERT INTO audit_published_heads SELECT day::date, chain, 7, sha256('x'), day
            FROM unnest(ARRAY['{tenant}', '{other}']::uuid[]) AS chain, generate_series(timestamptz '2020-02-01 00:00:10Z', '2020-02-03 12:00Z', '1 day') AS day
            """);
        var admin = host.As(tenant, permissions: Permissions.AuditRead);
        var heads = await ListAsync(admin, "");
        Assert.Equal(["2020-02-03", "2020-02-02", "2020-02-01"], heads.Select(head => head.GetProperty("date").GetString()));
        Assert.Equal(["date", "tenant_id", "position", "hash", "published_at"], heads[0].EnumerateObject().Select(field => field.Name));
        Assert.Equal((tenant, 7, "2020-02-03T00:00:10Z"),
            (heads[0].GetProperty("tenant_id").GetGuid(), heads[0].GetProperty("position").GetInt32(), heads[0].GetProperty("published_at").GetString()));
        Assert.Matches("^[0-9a-f]{64}$", heads[0].GetProperty("hash").GetString());
        Assert.Equal(tenant, Assert.Single(await ListAsync(admin, "date=2020-02-02")).GetProperty("tenant_id").GetGuid());

        var operates = host.As(null, role: "super_admin", permissions: Permissions.SystemAdmin);
        Assert.Equal(both, (await ListAsync(operates, "date=2020-02-02")).Select(head => head.GetProperty("tenant_id").GetGuid()));
        Assert.Equal(3, (await ListAsync(operates, $"tenant_id={other}")).Length);
        using var page = await operates.GetAsync("/audit/heads?date=2020-02-02&limit=1", Cancellation);
        var link = page.Headers.GetValues("Link").Single();
        Assert.Equal(both[1], Assert.Single(await ListAsync(operates, link[2..link.IndexOf('>', StringComparison.Ordinal)])).GetProperty("tenant_id").GetGuid());

        foreach (var (query, field) in new[] { ("date=2020-02-30", "date"), ("limit=0", "limit"), ("cursor=x", "cursor"), ($"tenant_id={other}", "tenant_id") })
        {
            var envelope = await Envelope.AssertAsync(await admin.GetAsync($"/audit/heads?{query}", Cancellation), 400, "bad_request");
            Assert.True(envelope.GetProperty("details").TryGetProperty(field, out _), envelope.ToString());
        }
    }

    private static async Task<JsonElement[]> ListAsync(HttpClient client, string query) =>
        (await client.GetFromJsonAsync<JsonElement[]>($"/audit/heads?{query}", Cancellation))!;

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
