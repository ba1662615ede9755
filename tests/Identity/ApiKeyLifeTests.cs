using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.Identity.Tests;

/// <summary>Which keys pass, for how long, and what the gateways are told.</summary>
public sealed class ApiKeyLifeTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_key_passes_with_its_tenant_and_scopes_until_it_is_revoked()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var key = await maker.MakeAsync("x", Permissions.TelemetryRead, Permissions.DevicesRead);
        var verified = await Person.OkAsync(await host.VerifyAsync(key.Text()));
        Assert.Equal(["api_key_id", "expires_at", "rv", "scopes", "tenant_id"], verified.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal((key.Id(), maker.Tenant), (verified.Id(), verified.GetProperty("tenant_id").GetGuid()));
        Assert.Equal(["telemetry:read", "devices:read"], verified.GetProperty("scopes").EnumerateArray().Select(s => s.GetString()!));
        var before = verified.GetProperty("rv").GetInt64();

        (await maker.Client.DeleteAsync($"/api-keys/{key.Id()}", Cancellation)).Dispose();
        await Envelope.AssertAsync(await host.VerifyAsync(key.Text()), 404, "not_found");
        Assert.Equal(1, await Sql.CountAsync(
            host.Database.ForSuperuser(), $"revocations WHERE kind = 'api_key' AND subject_id = '{key.Id()}' AND tenant_id = '{maker.Tenant}' AND version > {before}"));
    }

    [Fact]
    public async Task An_expired_key_and_an_unknown_one_do_not_pass()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var key = await maker.MakeAsync();
        await Sql.RunAsync(host.Database.ForSuperuser(), $"UPDATE api_keys SET expires_at = now() WHERE id = '{key.Id()}'");
        await Envelope.AssertAsync(await host.VerifyAsync(key.Text()), 404, "not_found");
        await Envelope.AssertAsync(await host.VerifyAsync("esk_" + new string('x', 43)), 404, "not_found");
        using var stranger = host.Direct();
        await Envelope.AssertAsync(
            await stranger.PostAsJsonAsync("/internal/api-keys/verify", new { hash = new byte[32] }, Cancellation), 401, "unauthorized");
    }

    [Theory]
    [InlineData("suspended")]
    [InlineData("deleted")]
    public async Task A_tenants_keys_rest_while_it_does(string status)
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var key = await maker.MakeAsync();
        await SetAsync(status);
        await Envelope.AssertAsync(await host.VerifyAsync(key.Text()), 404, "not_found");
        await SetAsync("active");
        Assert.True((await host.VerifyAsync(key.Text())).IsSuccessStatusCode);

        Task SetAsync(string value) => Sql.RunAsync(host.Database.ForSuperuser(), $"UPDATE tenants SET status = '{value}' WHERE id = '{maker.Tenant}'");
    }

    [Fact]
    public async Task A_key_outlives_the_account_of_who_made_it()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var key = await maker.MakeAsync();
        await Sql.RunAsync(host.Database.ForSuperuser(), $"UPDATE users SET status = 'deleted' WHERE id = '{maker.User}'");
        Assert.True((await host.VerifyAsync(key.Text())).IsSuccessStatusCode);
    }

    [Fact]
    public async Task The_last_use_is_noted_at_most_once_a_minute()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var key = await maker.MakeAsync();
        await host.VerifyAsync(key.Text(), "198.51.100.1");
        await host.VerifyAsync(key.Text(), "198.51.100.2");
        var first = await maker.Client.GetFromJsonAsync<JsonElement>($"/api-keys/{key.Id()}", Cancellation);
        Assert.Equal("198.51.100.1", first.GetProperty("last_used_ip").GetString());

        await Sql.RunAsync(host.Database.ForSuperuser(), $"UPDATE api_keys SET last_used_at = last_used_at - interval '61 s' WHERE id = '{key.Id()}'");
        await host.VerifyAsync(key.Text(), "198.51.100.3");
        var second = await maker.Client.GetFromJsonAsync<JsonElement>($"/api-keys/{key.Id()}", Cancellation);
        Assert.Equal("198.51.100.3", second.GetProperty("last_used_ip").GetString());
        Assert.True(second.GetProperty("last_used_at").GetDateTimeOffset() >= first.GetProperty("last_used_at").GetDateTimeOffset());
    }

    [Fact]
    public async Task Platform_wide_keys_are_the_operators_and_asked_for_by_name()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var operators = host.SuperAdmin();
        var body = new { name = "wide", scopes = new[] { Permissions.TelemetryRead } };
        var wide = new { body.name, body.scopes, platform = true };

        // Neither forgotten nor half meant, and nobody else's.
        await Envelope.AssertAsync(await KeyMaker.PostAsync(operators, body), 400, "bad_request");
        await Envelope.AssertAsync(await KeyMaker.PostAsync(operators, wide, path: $"/api-keys?tenant_id={maker.Tenant}"), 400, "bad_request");
        await Envelope.AssertAsync(await KeyMaker.PostAsync(maker.Client, wide), 403, "forbidden");
        await Envelope.AssertAsync(await KeyMaker.PostAsync(operators, body, path: $"/api-keys?tenant_id={Guid.NewGuid()}"), 404, "not_found");

        var key = await Person.OkAsync(await KeyMaker.PostAsync(operators, wide));
        Assert.Equal(JsonValueKind.Null, key.GetProperty("tenant_id").ValueKind);
        var verified = await Person.OkAsync(await host.VerifyAsync(key.Text()));
        Assert.Equal(JsonValueKind.Null, verified.GetProperty("tenant_id").ValueKind);

        var program = host.AsKey(null, Permissions.UsersRead, Permissions.UsersWrite);
        foreach (var client in new[] { maker.Client, program })
        {
            await Envelope.AssertAsync(await client.GetAsync("/api-keys?platform=true", Cancellation), 403, "forbidden");
            await Envelope.AssertAsync(await client.DeleteAsync($"/api-keys/{key.Id()}?platform=true", Cancellation), 403, "forbidden");
        }

        await Envelope.AssertAsync(await maker.Client.GetAsync($"/api-keys/{key.Id()}", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await operators.GetAsync($"/api-keys/{key.Id()}?tenant_id={maker.Tenant}", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await operators.GetAsync("/api-keys", Cancellation), 400, "bad_request");
        Assert.Contains(key.Id().ToString(), await operators.GetStringAsync("/api-keys?platform=true", Cancellation), StringComparison.Ordinal);

        using var gone = await operators.DeleteAsync($"/api-keys/{key.Id()}?platform=true", Cancellation);
        Assert.Equal(204, (int)gone.StatusCode);
        await Envelope.AssertAsync(await host.VerifyAsync(key.Text()), 404, "not_found");
    }

    [Fact]
    public async Task A_super_admin_makes_a_tenants_key_without_the_operators_scopes()
    {
        var maker = await KeyMaker.RegisteredAsync(host);
        var path = $"/api-keys?tenant_id={maker.Tenant}";
        var key = await Person.OkAsync(await KeyMaker.PostAsync(host.SuperAdmin(), new { name = "x", scopes = new[] { "telemetry:read" } }, path: path));
        Assert.Equal(maker.Tenant, key.GetProperty("tenant_id").GetGuid());
        await Envelope.AssertAsync(
            await KeyMaker.PostAsync(host.SuperAdmin(), new { name = "x", scopes = new[] { "system:admin" } }, path: path), 400, "bad_request");
        Assert.Contains(key.Id().ToString(), await maker.Client.GetStringAsync("/api-keys", Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_webhooks_key_of_the_configuration_is_made_once_and_never_comes_back()
    {
        var text = "esk_" + new string('w', 43);
        await using var database = await IdentityHost.MigratedDatabaseAsync();
        await using var first = IdentityHost.Beside(database, ("Identity:WebhookApiKey", text));
        await using var second = IdentityHost.Beside(database, ("Identity:WebhookApiKey", text));
        await Task.WhenAll(
            Task.Run(async () => await first.InitializeAsync(), Cancellation), Task.Run(async () => await second.InitializeAsync(), Cancellation));
        Assert.Equal(1, await Sql.CountAsync(database.ForSuperuser(), "api_keys"));
        var verified = await Person.OkAsync(await first.VerifyAsync(text));
        Assert.Equal(JsonValueKind.Null, verified.GetProperty("tenant_id").ValueKind);
        Assert.Equal("telemetry:write", verified.GetProperty("scopes").EnumerateArray().Single().GetString());

        (await first.SuperAdmin().DeleteAsync($"/api-keys/{verified.Id()}?platform=true", Cancellation)).Dispose();
        await using var third = IdentityHost.Beside(database, ("Identity:WebhookApiKey", text));
        await third.InitializeAsync();
        await Envelope.AssertAsync(await third.VerifyAsync(text), 404, "not_found");
        Assert.Equal(1, await Sql.CountAsync(database.ForSuperuser(), "api_keys"));
    }
}
