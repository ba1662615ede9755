using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

public sealed class UserTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_admin_sees_its_tenants_users_by_page_role_status_and_address()
    {
        var admin = await Admin.NewAsync(host);
        var (first, second) = (await admin.WithAsync(), await admin.WithAsync());
        await Admin.NewAsync(host);
        Assert.Equal([second.UserId, first.UserId, admin.UserId], Ids(await admin.UsersAsync()));
        Assert.Equal([first.UserId], Ids(await admin.UsersAsync($"?q={first.Person.Email[..32].ToUpperInvariant()}")));
        Assert.Equal([admin.UserId], Ids(await admin.UsersAsync("?role=tenant_admin")));

        using var page = await admin.Client.GetAsync("/users?limit=2", Cancellation);
        var next = Assert.Single(page.Headers.GetValues("Link"));
        Assert.EndsWith("; rel=\"next\"", next, StringComparison.Ordinal);
        Assert.Equal([admin.UserId], Ids(await admin.UsersAsync(next[1..next.IndexOf('>', StringComparison.Ordinal)])));

        await admin.DeleteAsync(first.UserId);
        Assert.Equal([second.UserId, admin.UserId], Ids(await admin.UsersAsync()));
        Assert.Equal([first.UserId], Ids(await admin.UsersAsync("?status=deleted")));
    }

    [Theory]
    [InlineData("?role=boss", "role")]
    [InlineData("?status=gone", "status")]
    [InlineData("?limit=0", "limit")]
    [InlineData("?cursor=x", "cursor")]
    public async Task A_wrong_filter_is_400_and_named(string query, string field)
    {
        var admin = await Admin.NewAsync(host);
        var envelope = await Envelope.AssertAsync(await admin.Client.GetAsync($"/users{query}", Cancellation), 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty(field, out _));
    }

    [Fact]
    public async Task A_new_role_takes_the_old_tokens_back_and_tells_everybody()
    {
        var admin = await Admin.NewAsync(host);
        var user = await admin.WithAsync();
        var changed = await Person.OkAsync(await admin.UpdateAsync(user.UserId, new { role = "tenant_admin" }));
        Assert.Equal("tenant_admin", changed.GetProperty("role").GetString());
        Assert.Equal(1, await RevokedAsync(user));

        // The session goes on, with the new role.
        var refreshed = await Person.OkAsync(await user.Person.RefreshAsync(user.SignedIn));
        var (_, claims) = await AccessTokenTests.VerifiedAsync(host, refreshed.GetProperty("access_token").GetString()!);
        Assert.Equal("tenant_admin", claims.GetProperty("role").GetString());
        Assert.Contains("users:write", AccessTokenTests.Permissions(claims));
        Assert.Equal("warning", (await user.Person.AuditedAsync("user.role_changed", "success"))["severity"]);

        // Nothing to change, nothing to take back.
        await Person.OkAsync(await admin.UpdateAsync(user.UserId, new { role = "tenant_admin", status = "active" }));
        Assert.Equal(1, await RevokedAsync(user));
    }

    [Fact]
    public async Task A_suspended_user_is_out_until_it_is_reactivated()
    {
        var admin = await Admin.NewAsync(host);
        var user = await admin.WithAsync();
        await Person.OkAsync(await admin.UpdateAsync(user.UserId, new { status = "suspended" }));
        await Envelope.AssertAsync(await user.Person.LoginAsync(), 403, "forbidden");
        await Envelope.AssertAsync(await user.Person.RefreshAsync(user.SignedIn), 403, "forbidden");
        Assert.Equal(1, await RevokedAsync(user));
        await user.Person.AuditedAsync("user.suspended", "success");

        await Person.OkAsync(await admin.UpdateAsync(user.UserId, new { status = "active" }));
        await Person.OkAsync(await user.Person.RefreshAsync(user.SignedIn));
    }

    [Fact]
    public async Task A_deleted_user_is_gone_and_its_address_is_free()
    {
        var admin = await Admin.NewAsync(host);
        var user = await admin.WithAsync();
        Assert.Equal(204, (int)(await admin.DeleteAsync(user.UserId)).StatusCode);
        await Envelope.AssertAsync(await admin.DeleteAsync(user.UserId), 404, "not_found");
        await Envelope.AssertAsync(await admin.UpdateAsync(user.UserId, new { status = "active" }), 404, "not_found");
        await Envelope.AssertAsync(await user.Person.RefreshAsync(user.SignedIn), 401, "unauthorized");
        await Envelope.AssertAsync(await user.Person.LoginAsync(), 403, "forbidden");

        var invitation = await Envelope.CreatedAsync(await admin.InviteAsync(user.Person.Email));
        await Envelope.CreatedAsync(await admin.AcceptAsync(invitation, "An0ther-password"));
        await Person.OkAsync(await user.Person.LoginAsync("An0ther-password"));
        await Envelope.AssertAsync(await user.Person.LoginAsync(), 401, "unauthorized");
    }

    [Theory]
    [InlineData("{\"role\": \"tenant_user\"}")]
    [InlineData("{\"status\": \"suspended\"}")]
    [InlineData(null)]
    public async Task A_tenant_keeps_one_active_admin(string? change)
    {
        var admin = await Admin.NewAsync(host);
        var other = await admin.WithAsync("tenant_admin");
        await Person.OkAsync(await admin.UpdateAsync(other.UserId, new { status = "suspended" }));
        await Envelope.AssertAsync(await ActAsync(admin, admin.UserId), 409, "conflict");

        // Two who take each other out at once: one of them stays.
        await Person.OkAsync(await admin.UpdateAsync(other.UserId, new { status = "active" }));
        var answers = await Task.WhenAll(ActAsync(admin, other.UserId), ActAsync(other, admin.UserId));
        Assert.Single(answers, a => a.IsSuccessStatusCode);
        Assert.Equal(1, await Sql.CountAsync(
            host.Database.ForSuperuser(), $"users WHERE tenant_id = '{admin.TenantId}' AND role = 'tenant_admin' AND status = 'active'"));

        Task<HttpResponseMessage> ActAsync(Admin by, Guid user) => change is null
            ? by.DeleteAsync(user)
            : by.UpdateAsync(user, System.Text.Json.JsonSerializer.Deserialize<System.Text.Json.JsonElement>(change));
    }

    [Fact]
    public async Task No_tenant_sees_or_touches_anothers_users_or_a_super_admin()
    {
        var (admin, stranger) = (await Admin.NewAsync(host), await Admin.NewAsync(host));
        var superAdmin = Guid.CreateVersion7();
        await Sql.RunAsync(
            host.Database.ForSuperuser(),
            $"INSERT INTO users (id, email, password_hash, role, status, created_at) VALUES ('{superAdmin}', '{superAdmin:N}@example.com', '', 'super_admin', 'active', now())");
        foreach (var user in new[] { stranger.UserId, superAdmin })
        {
            await Envelope.AssertAsync(await admin.Client.GetAsync($"/users/{user}", Cancellation), 404, "not_found");
            await Envelope.AssertAsync(await admin.UpdateAsync(user, new { status = "suspended" }), 404, "not_found");
            await Envelope.AssertAsync(await admin.DeleteAsync(user), 404, "not_found");
            await Envelope.AssertAsync(await admin.Client.PostAsync($"/users/{user}/password-reset", null, Cancellation), 404, "not_found");
        }

        await Envelope.AssertAsync(await admin.UpdateAsync(admin.UserId, new { role = "super_admin" }), 403, "forbidden");
        await Envelope.AssertAsync(await admin.InviteAsync("boss@example.com", "super_admin"), 403, "forbidden");
        await Envelope.AssertAsync(await admin.Client.GetAsync("/admins", Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await admin.Client.GetAsync($"/users?tenant_id={stranger.TenantId}", Cancellation), 400, "bad_request");
    }

    [Fact]
    public async Task A_tenant_user_manages_nobody()
    {
        var admin = await Admin.NewAsync(host);
        var user = await admin.WithAsync();
        await Envelope.AssertAsync(await user.Client.GetAsync("/users", Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await user.InviteAsync("x@example.com"), 403, "forbidden");
        await Envelope.AssertAsync(await user.UpdateAsync(user.UserId, new { role = "tenant_admin" }), 403, "forbidden");
        await Envelope.AssertAsync(await user.DeleteAsync(admin.UserId), 403, "forbidden");
    }

    [Theory]
    [InlineData("{\"status\": \"deleted\"}")]
    [InlineData("{\"role\": \"boss\"}")]
    [InlineData("{\"role\": 1}")]
    public async Task A_wrong_change_is_400(string change)
    {
        var admin = await Admin.NewAsync(host);
        using var content = new StringContent(change, System.Text.Encoding.UTF8, "application/json");
        await Envelope.AssertAsync(await admin.Client.PatchAsync($"/users/{admin.UserId}", content, Cancellation), 400, "bad_request");
    }

    private static IEnumerable<Guid> Ids(IEnumerable<System.Text.Json.JsonElement> users) => users.Select(u => u.GetProperty("user_id").GetGuid());

    private Task<long> RevokedAsync(Admin user) =>
        Sql.CountAsync(host.Database.ForSuperuser(), $"revocations WHERE subject_id = '{user.UserId}' AND kind = 'user' AND tenant_id = '{user.TenantId}'");
}
