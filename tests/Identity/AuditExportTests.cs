using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Hosting;
using EasySmart.Identity.Auditing;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Identity.Tests;

/// <summary><c>GET /audit/export</c>, and what a spreadsheet would do with it.</summary>
public sealed class AuditExportTests(IdentityHost host)
{
    private const string Header =
        "id,tenant_id,user_id,device_id,event_type,event_category,severity,actor_type,actor_id,resource_type,resource_id,action,result,ip_address,"
        + "user_agent,request_id,metadata,timestamp,chain_position,hash";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Cells_are_quoted_and_formulas_defused()
    {
        var tenant = Guid.CreateVersion7();
        await StoreAsync(tenant, "=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "\tx", "\r=1", "a,b \"c\"\r\nd", "=\"é\",1", "plain = 漢", "'=1");
        using var answer = await Admin(tenant).GetAsync("/audit/export?event_type=test.cell", Cancellation);
        Assert.Equal("text/csv; charset=utf-8; header=present", answer.Content.Headers.ContentType?.ToString());
        var disposition = answer.Content.Headers.ContentDisposition!;
        Assert.Equal("attachment", disposition.DispositionType);
        Assert.Matches(@"^audit-\d{4}-\d\d-\d\dT\d{6}Z\.csv$", disposition.FileName);

        var bytes = await answer.Content.ReadAsByteArrayAsync(Cancellation);
        Assert.Equal((byte)'i', bytes[0]);
        var text = Encoding.UTF8.GetString(bytes);
        Assert.StartsWith(Header + "\r\n", text, StringComparison.Ordinal);
        // Newest first, and the user agent is between address and request id.
        string[] cells =
        [
            "'=1", "plain = 漢", "\"'=\"\"é\"\",1\"", "\"a,b \"\"c\"\"\r\nd\"", "\"'\r=1\"", "\"'\tx\"", "\"'@SUM(A1)\"", "\"'-2+3\"", "\"'+1\"",
            "\"'=cmd|' /C calc'!A0\"",
        ];
        var at = 0;
        foreach (var cell in cells)
        {
            at = text.IndexOf($",203.0.113.9,{cell},r,", at, StringComparison.Ordinal);
            Assert.True(at >= 0, $"{cell} is not in {text}");
        }

        Assert.Contains(",\"{\"\"email\"\": \"\"ana@example.com\"\", \"\"reason\"\": \"\"a, b\"\"}\",", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_long_export_is_whole_and_recorded()
    {
        var (tenant, user) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await Sql.RunAsync(
            host.Database.For("identity_system"),
            $"""
            INSERT INTO audit (event_id, tenant_id, event_type, event_category, severity, actor_type, action, result, timestamp)
            SELECT gen_random_uuid(), '{tenant}', 'test.many', 'test', 'info', 'user', 'n' || n, 'success', now() - n / 10 * interval '1 second'
            FROM generate_series(1, 2500) AS n
            """);
        var text = await Admin(tenant, user).GetStringAsync($"/audit/export?event_type=test.*&from=2026-01-01T00:00:00Z", Cancellation);
        var lines = text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Header, lines[0]);
        Assert.Equal(Enumerable.Range(1, 2500).Select(n => $"n{n}").Order(), lines[1..].Select(line => line.Split(',')[11]).Order());

        var record = (await Eventually.GetAsync(async () =>
            (await Admin(tenant).GetFromJsonAsync<JsonElement[]>("/audit?event_type=audit.exported", Cancellation))!.Cast<JsonElement?>().SingleOrDefault()
                is { } found ? new { Value = found } : null)).Value;
        Assert.Equal(("success", "export", user.ToString()), (Text(record, "result"), Text(record, "action"), Text(record, "actor_id")));
        Assert.True(JsonElement.DeepEquals(
            JsonSerializer.SerializeToElement(new
            {
                scope = tenant.ToString(),
                filter = new Dictionary<string, string> { ["event_type"] = "test.*", ["from"] = "2026-01-01T00:00:00.0000000Z" },
                rows = 2500,
            }),
            record.GetProperty("metadata")), record.ToString());
    }

    [Fact]
    public async Task The_operator_exports_one_tenant_and_the_tenant_sees_that_it_did()
    {
        var (tenant, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await StoreAsync(tenant, "mine");
        await StoreAsync(other, "other");
        var operates = host.As(null, role: "super_admin", permissions: Permissions.SystemAdmin);
        var text = await operates.GetStringAsync($"/audit/export?tenant_id={tenant}&event_type=test.cell", Cancellation);
        Assert.Equal(2, text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains(tenant.ToString(), text, StringComparison.Ordinal);
        await Eventually.TrueAsync(async () =>
            (await Admin(tenant).GetFromJsonAsync<JsonElement[]>("/audit?event_type=audit.exported", Cancellation))!.Length == 1);
    }

    private static string? Text(JsonElement record, string name) => record.GetProperty(name).GetString();

    private HttpClient Admin(Guid tenant, Guid? user = null) => host.As(tenant, user, permissions: Permissions.AuditRead);

    private async Task StoreAsync(Guid tenant, params string[] userAgents)
    {
        await using var source = Npgsql.NpgsqlDataSource.Create(host.Database.For("identity_system"));
        foreach (var userAgent in userAgents)
        {
            await using var connection = await source.OpenConnectionAsync(Cancellation);
            await using var transaction = await connection.BeginTransactionAsync(Cancellation);
            var record = new AuditRecorded
            {
                OccurredAt = DateTimeOffset.UtcNow,
                RequestId = "r",
                TenantId = tenant,
                EventType = "test.cell",
                EventCategory = "test",
                ActorType = "anonymous",
                Action = "try",
                Result = "success",
                IpAddress = "203.0.113.9",
                UserAgent = userAgent,
                Metadata = JsonSerializer.SerializeToElement(new { reason = "a, b", email = "ana@example.com" }),
            };
            await new StoreAudit().HandleAsync(record, transaction, Cancellation);
            await transaction.CommitAsync(Cancellation);
        }
    }
}
