using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.Identity.Accounts;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.Identity.Tests;

/// <summary>What people do with API keys.</summary>
public sealed class ApiKeyTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_new_key_is_shown_once_and_only_its_hash_is_kept()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        using var answer = await KeyMaker.PostAsync(
            maker.Client, new { name = "  reports ", scopes = new[] { "telemetry:read", "devices:read" }, expires_at = "2199-01-01T00:00:00+02:00" });
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var made = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal(
            ["api_key_id", "created_at", "expires_at", "key", "name", "prefix", "scopes", "tenant_id"],
            made.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Matches("^esk_[A-Za-z0-9_-]{43}$", made.Text());
        Assert.Equal(made.Text()[..12], made.GetProperty("prefix").GetString());
        Assert.Equal("reports", made.GetProperty("name").GetString());
        Assert.Equal(maker.Tenant, made.GetProperty("tenant_id").GetGuid());
        Assert.Equal("2198-12-31T22:00:00Z", made.GetProperty("expires_at").GetString());

        var row = Assert.Single(await Sql.RowsAsync(host.Database.ForSuperuser(), $"SELECT * FROM api_keys WHERE id = '{made.Id()}'"));
        Assert.Equal(SHA256.HashData(Encoding.ASCII.GetBytes(made.Text())), row["hash"]);
        Assert.Equal(maker.User, row["created_by"]);
        Assert.DoesNotContain(row.Values, value => value is string text && text.Contains(made.Text()[12..], StringComparison.Ordinal));

        foreach (var path in new[] { "/api-keys", $"/api-keys/{made.Id()}" })
        {
            var shown = await maker.Client.GetStringAsync(path, Cancellation);
            Assert.DoesNotContain(made.Text()[12..], shown, StringComparison.Ordinal);
            Assert.Contains($"\"prefix\":\"{made.Text()[..12]}\"", shown, StringComparison.Ordinal);
        }

        var view = await maker.Client.GetFromJsonAsync<JsonElement>($"/api-keys/{made.Id()}", Cancellation);
        Assert.Equal(
            ["api_key_id", "created_at", "created_by", "expires_at", "last_used_at", "last_used_ip", "name", "prefix", "revoked_at", "scopes", "tenant_id"],
            view.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal(JsonValueKind.Null, view.GetProperty("last_used_at").ValueKind);
    }

    [Fact]
    public async Task Creation_and_revocation_are_audited_without_the_key()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var made = await maker.MakeAsync("audited");
        using var gone = await maker.Client.DeleteAsync($"/api-keys/{made.Id()}", Cancellation);
        Assert.Equal(HttpStatusCode.NoContent, gone.StatusCode);
        foreach (var type in new[] { "api_key.created", "api_key.revoked" })
        {
            var record = await Eventually.GetAsync(async () => (await Sql.RowsAsync(
                host.Database.ForSuperuser(), $"SELECT * FROM audit WHERE event_type = '{type}' AND resource_id = '{made.Id()}'")).FirstOrDefault());
            Assert.Equal((maker.Tenant, "api_key", "user"), (record["tenant_id"], record["resource_type"], record["actor_type"]));
            Assert.DoesNotContain(made.Text()[12..], JsonSerializer.Serialize(record.Where(f => f.Value is string)), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"scopes": ["telemetry:read"]}""", "name")]
    [InlineData("""{"name": " ", "scopes": ["telemetry:read"]}""", "name")]
    [InlineData("""{"name": "a\u0000b", "scopes": ["telemetry:read"]}""", "name")]
    [InlineData("""{"name": "x"}""", "scopes")]
    [InlineData("""{"name": "x", "scopes": []}""", "scopes")]
    [InlineData("""{"name": "x", "scopes": null}""", "scopes")]
    [InlineData("""{"name": "x", "scopes": [null]}""", "scopes")]
    [InlineData("""{"name": "x", "scopes": ["telemetry:*"]}""", "scopes")]
    [InlineData("""{"name": "x", "scopes": ["telemetry:read", "telemetry:read"]}""", "scopes")]
    [InlineData("""{"name": "x", "scopes": ["system:admin"]}""", "scopes")]
    [InlineData("""{"name": "x", "scopes": ["tenants:write"]}""", "scopes")]
    [InlineData("""{"name": "x", "scopes": ["devices:manufacture"]}""", "scopes")]
    [InlineData("""{"name": "x", "scopes": ["telemetry:read"], "expires_at": "2020-01-01T00:00:00Z"}""", "expires_at")]
    [InlineData("""{"name": "x", "scopes": ["telemetry:read"], "expires_at": "tomorrow"}""", "expires_at")]
    public async Task A_bad_field_is_named(string body, string field)
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        var envelope = await Envelope.AssertAsync(await maker.Client.PostAsync("/api-keys", content, Cancellation), 400, "bad_request");
        Assert.Contains(envelope.GetProperty("details").EnumerateObject(), f => f.Name.Split('[')[0] == field);
    }

    [Fact]
    public async Task A_key_never_holds_more_than_its_maker_and_makes_none_itself()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var hr = host.As(maker.Tenant, permissions: [Permissions.UsersWrite, Permissions.UsersRead]);
        await Envelope.AssertAsync(await KeyMaker.PostAsync(hr, Body(Permissions.DevicesRead)), 403, "forbidden");
        using var own = await KeyMaker.PostAsync(hr, Body(Permissions.UsersRead));
        Assert.Equal(HttpStatusCode.Created, own.StatusCode);

        var user = host.As(maker.Tenant, role: "tenant_user", permissions: Role.TenantUser.Permitted());
        await Envelope.AssertAsync(await KeyMaker.PostAsync(user, Body(Permissions.TelemetryRead)), 403, "forbidden");
        await Envelope.AssertAsync(await user.GetAsync("/api-keys", Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await KeyMaker.PostAsync(host.Anonymous(), Body(Permissions.TelemetryRead)), 401, "unauthorized");

        var program = host.AsKey(maker.Tenant, Permissions.UsersWrite, Permissions.UsersRead, Permissions.TelemetryRead);
        await Envelope.AssertAsync(await KeyMaker.PostAsync(program, Body(Permissions.TelemetryRead)), 403, "forbidden");
        Assert.True((await program.GetAsync("/api-keys", Cancellation)).IsSuccessStatusCode);
    }

    [Fact]
    public async Task Another_tenants_key_is_not_there()
    {
        var (mine, theirs) = (await KeyMaker.RegisteredAsync(host), await KeyMaker.RegisteredAsync(host));
        var key = await theirs.MakeAsync();
        await Envelope.AssertAsync(await mine.Client.GetAsync($"/api-keys/{key.Id()}", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await mine.Client.DeleteAsync($"/api-keys/{key.Id()}", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await mine.Client.GetAsync("/api-keys/not-an-id", Cancellation), 400, "bad_request");
        await Envelope.AssertAsync(await mine.Client.GetAsync($"/api-keys?tenant_id={theirs.Tenant}", Cancellation), 400, "bad_request");
        Assert.Equal("[]", await mine.Client.GetStringAsync("/api-keys", Cancellation));
        Assert.True((await host.VerifyAsync(key.Text())).IsSuccessStatusCode);
    }

    [Fact]
    public async Task The_list_is_paged_and_hides_what_was_revoked()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var keys = new List<JsonElement>();
        for (var i = 0; i < 5; i++)
        {
            keys.Add(await maker.MakeAsync($"key {i}"));
        }

        (await maker.Client.DeleteAsync($"/api-keys/{keys[2].Id()}", Cancellation)).Dispose();
        Assert.Equal([keys[4].Id(), keys[3].Id(), keys[1].Id(), keys[0].Id()], await PagesAsync(maker, "/api-keys?limit=3"));
        Assert.Equal(keys.Select(k => k.Id()).Reverse(), await PagesAsync(maker, "/api-keys?limit=2&revoked=true"));
        using var again = await maker.Client.DeleteAsync($"/api-keys/{keys[2].Id()}", Cancellation);
        Assert.Equal(HttpStatusCode.NoContent, again.StatusCode);
        await Envelope.AssertAsync(await maker.Client.GetAsync("/api-keys?limit=0", Cancellation), 400, "bad_request");
    }

    [Fact]
    public async Task A_tenant_has_at_most_100_live_keys()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var first = await maker.MakeAsync();
        await Sql.RunAsync(host.Database.ForSuperuser(),
            $"""
            INSERT INTO api_keys (id, tenant_id, name, prefix, hash, scopes, created_at)
            SELECT gen_random_uuid(), '{maker.Tenant}', 'many', 'esk_', sha256((n || '{maker.Tenant}')::bytea), ARRAY['telemetry:read'], now() FROM generate_series(1, 95) n
            """);
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => KeyMaker.PostAsync(maker.Client, Body(Permissions.TelemetryRead))));
        Assert.Equal(4, answers.Count(a => a.StatusCode == HttpStatusCode.Created));
        Assert.Equal(6, answers.Count(a => a.StatusCode == HttpStatusCode.Conflict));
        (await maker.Client.DeleteAsync($"/api-keys/{first.Id()}", Cancellation)).Dispose();
        await maker.MakeAsync();
    }

    [Fact]
    public async Task Creation_honours_an_idempotency_key()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => KeyMaker.PostAsync(maker.Client, Body(Permissions.TelemetryRead), "once")));
        Assert.All(answers, a => Assert.True(a.StatusCode is HttpStatusCode.Created or HttpStatusCode.Conflict));
        var key = await Person.OkAsync(await KeyMaker.PostAsync(maker.Client, Body(Permissions.TelemetryRead), "once"));
        Assert.Equal(1, await Sql.CountAsync(host.Database.ForSuperuser(), $"api_keys WHERE tenant_id = '{maker.Tenant}'"));
        Assert.True((await host.VerifyAsync(key.Text())).IsSuccessStatusCode);
        await Envelope.AssertAsync(await KeyMaker.PostAsync(maker.Client, Body(Permissions.DevicesRead), "once"), 409, "conflict");
        await Envelope.AssertAsync(await KeyMaker.PostAsync(maker.Client, Body(Permissions.SystemAdmin), "later"), 400, "bad_request");
        await Person.OkAsync(await KeyMaker.PostAsync(maker.Client, Body(Permissions.TelemetryRead), "later"));

        // And under the other role, for a key of the platform.
        var operators = host.SuperAdmin();
        var wide = new { name = "once", scopes = new[] { Permissions.TelemetryWrite }, platform = true };
        var first = await Person.OkAsync(await KeyMaker.PostAsync(operators, wide, "wide"));
        var second = await Person.OkAsync(await KeyMaker.PostAsync(operators, wide, "wide"));
        Assert.Equal(first.Text(), second.Text());
    }

    [Theory]
    [InlineData("api_keys")]
    [InlineData("idempotency_keys")]
    public async Task Without_a_where_a_caller_sees_one_tenant(string table)
    {
        var (mine, theirs) = (await KeyMaker.RegisteredAsync(host), await KeyMaker.RegisteredAsync(host));
        foreach (var maker in new[] { mine, theirs })
        {
            await Person.OkAsync(await KeyMaker.PostAsync(maker.Client, Body(Permissions.TelemetryRead), "isolation"));
        }

        await using var source = NpgsqlDataSource.Create(host.Database.For("identity_app") + ";Maximum Pool Size=1");
        await using (var connection = await source.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await connection.BeginTenantAsync(mine.Tenant, Cancellation);
            Assert.Equal(mine.Tenant, await TenantsAsync(connection));
        }

        // The same connection from the pool, no tenant set.
        await using var reused = await source.OpenConnectionAsync(Cancellation);
        Assert.Equal(DBNull.Value, await TenantsAsync(reused));

        async Task<object?> TenantsAsync(NpgsqlConnection connection)
        {
            await using var command = new NpgsqlCommand($"SELECT string_agg(DISTINCT tenant_id::text, ',')::uuid FROM {table}", connection);
            return await command.ExecuteScalarAsync(Cancellation);
        }
    }

    private static object Body(params string[] scopes) => new { name = "a script", scopes };

    private static async Task<List<Guid>> PagesAsync(KeyMaker maker, string path)
    {
        var ids = new List<Guid>();
        for (string? next = path; next is not null;)
        {
            using var answer = await maker.Client.GetAsync(next, Cancellation);
            ids.AddRange((await Person.OkAsync(answer)).EnumerateArray().Select(k => k.Id()));
            next = answer.Headers.TryGetValues("Link", out var link) ? "/api-keys" + link.Single().Split('<', '>')[1] : null;
        }

        return ids;
    }
}
