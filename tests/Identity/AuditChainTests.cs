using System.Reflection;
using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Hosting;
using EasySmart.Identity.Auditing;
using EasySmart.ServiceDefaults.Messaging;
using Npgsql;

namespace EasySmart.Identity.Tests;

/// <summary>One chain for each tenant, whatever is recorded at once, and whole after an erasure.</summary>
public sealed class AuditChainTests(AuditDatabase audit) : IClassFixture<AuditDatabase>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Many_consumers_at_once_keep_one_chain_without_gaps()
    {
        Guid?[] tenants = [Guid.CreateVersion7(), Guid.CreateVersion7(), null];
        var before = (await audit.VerifyAsync(null)).Records;
        await Parallel.ForEachAsync(Enumerable.Range(0, 300), new ParallelOptions { MaxDegreeOfParallelism = 12, CancellationToken = Cancellation }, async (i, _) =>
        {
            var record = Sample(tenants[i % 3]);
            // Some deliveries fail, some come twice at the same moment.
            await StoreAsync(record, commit: false);
            await Task.WhenAll(StoreAsync(record), StoreAsync(record));
        });

        foreach (var (tenant, expected) in new[] { (tenants[0], 100L), (tenants[1], 100L), (null, before + 100) })
        {
            var report = await audit.VerifyAsync(tenant);
            Assert.Equal((expected, (string?)null), (report.Records, report.Break));
        }
    }

    [Theory]
    [InlineData("""{"n": 1.50, "e": 1e3, "big": 12345678901234567890.123, "z": null, "a": [1, {"b": ""}]}""")]
    [InlineData("""{"text": "é 漢 😀 \" \\ , 5:hello, -,", "order": 1, "a": 2, "aa": 3}""")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("{}")]
    [InlineData(null)]
    public async Task Whatever_the_metadata_the_hash_computed_here_is_the_one_stored(string? metadata)
    {
        var tenant = Guid.CreateVersion7();
        await StoreAsync(Sample(tenant) with
        {
            Metadata = metadata is null ? null : JsonSerializer.Deserialize<JsonElement>(metadata),
            UserAgent = null,
            ActorId = "5:é,-,",
            RequestId = null,
            OccurredAt = new DateTimeOffset(1969, 12, 31, 23, 59, 59, TimeSpan.Zero).AddMicroseconds(999_999),
        });
        await StoreAsync(Sample(tenant) with { IpAddress = null, UserAgent = null });
        var report = await audit.VerifyAsync(tenant);
        Assert.Equal((2L, (string?)null), (report.Records, report.Break));
    }

    [Fact]
    public async Task What_names_a_person_stands_where_it_can_be_erased()
    {
        var (tenant, user) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await audit.RecordAsync(tenant, 3, user);
        await audit.RecordAsync(tenant, 2);
        // Somebody tried the address before it had an account; another address is somebody else's.
        var tried = new { reason = "unknown_email", email = $"{user:N}@example.com" };
        await StoreAsync(Sample(null) with { UserId = null, ActorId = null, Metadata = JsonSerializer.SerializeToElement(tried) });
        var before = await RowsAsync($"user_id = '{user}'");
        Assert.All(before, row => Assert.Equal("{\"reason\": \"test\"}", row["metadata"]));
        Assert.All(before, row => Assert.Equal("{\"email\": \"ana@example.com\"}", row["personal"]));
        Assert.Equal(3, before.Select(row => Convert.ToHexString((byte[])row["personal_salt"]!)).Distinct().Count());

        Assert.Equal(4, await EraseAsync(user, tried.email));
        Assert.Equal(0, await EraseAsync(user, tried.email));

        foreach (var row in (await RowsAsync($"user_id = '{user}' AND event_type = 'auth.login'")).Concat(await RowsAsync("metadata ->> 'reason' = 'unknown_email'")))
        {
            Assert.All(["ip_address", "user_agent", "personal", "personal_salt"], column => Assert.Null(row[column]));
            Assert.NotNull(row["personal_hash"]);
        }

        var (report, platform) = (await audit.VerifyAsync(tenant), await audit.VerifyAsync(null));
        Assert.Equal((6L, 3L, (string?)null), (report.Records, report.Erased, report.Break));
        Assert.Equal((1L, (string?)null), (platform.Erased, platform.Break));
        // The others' is still there.
        Assert.Equal(2, (await RowsAsync($"tenant_id = '{tenant}' AND ip_address IS NOT NULL")).Count);
        var told = Assert.Single(await RowsAsync($"tenant_id = '{tenant}' AND event_type = 'audit.personal_erased'"));
        Assert.Equal(("{\"records\": 3}", user.ToString()), (told["metadata"], told["resource_id"]));
    }

    [Fact]
    public async Task An_address_is_found_under_any_key()
    {
        var tenant = Guid.CreateVersion7();
        var metadata = new { before = new { name = "ana@example.com" }, after = new { name = "Acme @ Rio." }, admin_email = (string?)null, n = 1 };
        await StoreAsync(Sample(tenant) with { Metadata = JsonSerializer.SerializeToElement(metadata) });
        var row = Assert.Single(await RowsAsync($"tenant_id = '{tenant}'"));
        Assert.Equal(
            ("{\"n\": 1, \"after\": {\"name\": \"Acme @ Rio.\"}}", "{\"before\": {\"name\": \"ana@example.com\"}, \"admin_email\": null}"),
            (row["metadata"], row["personal"]));
        // Erased by the whole address only, at whatever depth.
        Assert.Equal(0, await EraseAsync(Guid.CreateVersion7(), "a@example.com"));
        await EraseAsync(Guid.CreateVersion7(), "ana@example.com");
        Assert.Null(Assert.Single(await RowsAsync($"tenant_id = '{tenant}' AND event_type = 'device.provisioned'"))["personal"]);
    }

    [Fact]
    public async Task Records_from_before_are_chained_by_the_migration()
    {
        await using var database = await TestDatabase.CreateAsync(TestServers.Platform, "identity_owner");
        foreach (var script in Scripts(until: "0009"))
        {
            await Sql.RunAsync(database.For("identity_owner"), script);
        }

        await Sql.RunAsync(database.For("identity_system"),
            """
            INSERT INTO audit (event_id, tenant_id, event_type, event_category, severity, actor_type, action, result, ip_address, metadata, timestamp)
            SELECT gen_random_uuid(), CASE n % 3 WHEN 0 THEN NULL ELSE ('00000000-0000-0000-0000-00000000000' || n % 3)::uuid END, 'auth.login',
                   'auth', 'info', 'user', 'login', 'success', CASE n % 2 WHEN 0 THEN '203.0.113.7' END,
                   CASE n % 5 WHEN 0 THEN '{"email": "ana@example.com", "reason": "é"}'::jsonb END, now() - n * interval '1 second'
            FROM generate_series(1, 300) AS n
            """);
        await Sql.RunAsync(database.For("identity_owner"), Scripts(until: "9").Last(script => script.Contains("audit_chain_unique", StringComparison.Ordinal)));

        await using var system = NpgsqlDataSource.Create(database.For("identity_system"));
        var reports = await new ChainWalk(system).WalkAsync(null, Cancellation).ToListAsync(Cancellation);
        Assert.All(reports, report => Assert.Equal((100L, (string?)null), (report.Records, report.Break)));
        Assert.Equal(3, reports.Count);
        Assert.Equal(60, await Sql.CountAsync(database.ForSuperuser(), "audit WHERE personal ->> 'email' = 'ana@example.com'"));
        Assert.Equal(0, await Sql.CountAsync(database.ForSuperuser(), "audit WHERE metadata ? 'email'"));
    }

    private static AuditRecorded Sample(Guid? tenant) => new()
    {
        OccurredAt = DateTimeOffset.UtcNow,
        TenantId = tenant,
        EventType = "device.provisioned",
        EventCategory = "device",
        ActorType = "user",
        ActorId = Guid.CreateVersion7().ToString(),
        Action = "create",
        Result = "success",
        IpAddress = "203.0.113.7",
        UserAgent = "agent/1.0",
        RequestId = "request",
        Metadata = JsonSerializer.SerializeToElement(new { device_label = "pump" }),
    };

    private static IEnumerable<string> Scripts(string until) =>
        from assembly in new[] { typeof(Outbox).Assembly, typeof(Program).Assembly }
        from resource in assembly.GetManifestResourceNames().Order()
        where resource.EndsWith(".sql", StringComparison.Ordinal) && string.CompareOrdinal(resource.Split('.')[^2], until) < 0
        select Text(assembly, resource);

    private static string Text(Assembly assembly, string resource)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
        return reader.ReadToEnd().Replace("{{app}}", "identity_app", StringComparison.Ordinal).Replace("{{system}}", "identity_system", StringComparison.Ordinal);
    }

    // The consumer's own code, on a connection and in a transaction of its own, as every instance runs it.
    private async Task StoreAsync(AuditRecorded record, bool commit = true)
    {
        await using var connection = await audit.System.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTransactionAsync(Cancellation);
        await new StoreAudit().HandleAsync(record, transaction, Cancellation);
        if (commit)
        {
            await transaction.CommitAsync(Cancellation);
        }
    }

    private async Task<long> EraseAsync(Guid user, string email)
    {
        await using var command = audit.System.CreateCommand("SELECT erase_audit_personal($1, $2)");
        command.Parameters.Add(new() { Value = user });
        command.Parameters.Add(new() { Value = email });
        return (long)(await command.ExecuteScalarAsync(Cancellation))!;
    }

    private Task<List<Dictionary<string, object?>>> RowsAsync(string where) =>
        Sql.RowsAsync(audit.Database.ForSuperuser(), $"SELECT * FROM audit WHERE {where}");
}
