using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

public sealed class SessionTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Me_tells_who_asks()
    {
        var (person, signedIn) = await Person.RegisteredAsync(host);
        var me = await GetAsync(signedIn, "/auth/me");
        Assert.Equal([.. RegisterTests.UserFields, "tenant_name", "permissions"], me.EnumerateObject().Select(f => f.Name));
        Assert.Equal(person.Email, me.GetProperty("email").GetString());
        Assert.Equal(person.Email, me.GetProperty("tenant_name").GetString());
        Assert.Contains("users:write", me.GetProperty("permissions").EnumerateArray().Select(p => p.GetString()));
    }

    [Fact]
    public async Task Logout_ends_this_session_only()
    {
        var (person, first) = await Person.RegisteredAsync(host);
        var second = await Person.OkAsync(await person.LoginAsync());
        Assert.Equal(204, (int)(await PostAsync(first, "/auth/logout")).StatusCode);
        await Envelope.AssertAsync(await person.RefreshAsync(first), 401, "unauthorized");
        await Person.OkAsync(await person.RefreshAsync(second));
        Assert.Equal(1, await RevokedAsync(person));
        await person.AuditedAsync("auth.logout", "success");

        // Said twice, it is done already.
        Assert.Equal(204, (int)(await PostAsync(first, "/auth/logout")).StatusCode);
        Assert.Equal(1, await RevokedAsync(person));
    }

    [Fact]
    public async Task Logout_all_ends_every_session()
    {
        var (person, first) = await Person.RegisteredAsync(host);
        var second = await Person.OkAsync(await person.LoginAsync());
        Assert.Equal(204, (int)(await PostAsync(first, "/auth/logout-all")).StatusCode);
        await Envelope.AssertAsync(await person.RefreshAsync(first), 401, "unauthorized");
        await Envelope.AssertAsync(await person.RefreshAsync(second), 401, "unauthorized");
        Assert.Equal(2, await RevokedAsync(person));
    }

    [Fact]
    public async Task Sessions_are_listed_and_ended_one_by_one()
    {
        var (person, first) = await Person.RegisteredAsync(host);
        var second = await Person.OkAsync(await person.LoginAsync());
        var sessions = (await GetAsync(first, "/auth/sessions")).EnumerateArray().ToList();
        Assert.Equal(
            ["session_id", "created_at", "last_used_at", "expires_at", "ip_address", "user_agent", "current"],
            sessions[0].EnumerateObject().Select(f => f.Name));
        Assert.Equal(2, sessions.Count);
        Assert.All(sessions, s => Assert.Equal("203.0.113.7", s.GetProperty("ip_address").GetString()));
        var other = Assert.Single(sessions, s => !s.GetProperty("current").GetBoolean()).GetProperty("session_id").GetGuid();

        using var client = Person.Signed(host, first);
        Assert.Equal(204, (int)(await client.DeleteAsync($"/auth/sessions/{other}", Cancellation)).StatusCode);
        await Envelope.AssertAsync(await client.DeleteAsync($"/auth/sessions/{other}", Cancellation), 404, "not_found");
        await Envelope.AssertAsync(await person.RefreshAsync(second), 401, "unauthorized");
        Assert.Single((await GetAsync(first, "/auth/sessions")).EnumerateArray());

        // Another person's session is nobody else's to see or end.
        var (stranger, strangers) = await Person.RegisteredAsync(host);
        var theirs = (await GetAsync(strangers, "/auth/sessions"))[0].GetProperty("session_id").GetGuid();
        await Envelope.AssertAsync(await client.DeleteAsync($"/auth/sessions/{theirs}", Cancellation), 404, "not_found");
        await Person.OkAsync(await stranger.RefreshAsync(strangers));
    }

    [Fact]
    public async Task A_changed_password_ends_the_other_sessions_only()
    {
        var (person, first) = await Person.RegisteredAsync(host);
        var second = await Person.OkAsync(await person.LoginAsync());
        Assert.Equal(204, (int)(await ChangeAsync(first, Person.Password, "N3w-password")).StatusCode);
        await Envelope.AssertAsync(await person.LoginAsync(), 401, "unauthorized");
        await Person.OkAsync(await person.LoginAsync("N3w-password"));
        await Envelope.AssertAsync(await person.RefreshAsync(second), 401, "unauthorized");
        await Person.OkAsync(await person.RefreshAsync(first));
        await person.AuditedAsync("auth.password_changed", "success");
    }

    [Fact]
    public async Task A_password_is_not_changed_by_who_does_not_know_it_or_to_a_weak_one()
    {
        var (person, signedIn) = await Person.RegisteredAsync(host);
        var wrong = await Envelope.AssertAsync(await ChangeAsync(signedIn, "Wr0ng-horse", "N3w-password"), 400, "bad_request");
        Assert.True(wrong.GetProperty("details").TryGetProperty("current_password", out _));
        var weak = await Envelope.AssertAsync(await ChangeAsync(signedIn, Person.Password, "weak"), 400, "bad_request");
        Assert.True(weak.GetProperty("details").TryGetProperty("new_password", out _));
        await person.AuditedAsync("auth.password_changed", "failed");
        await Person.OkAsync(await person.LoginAsync());
    }

    [Theory]
    [InlineData("GET", "/auth/me")]
    [InlineData("GET", "/auth/sessions")]
    [InlineData("POST", "/auth/logout")]
    [InlineData("POST", "/auth/password")]
    public async Task Strangers_have_no_account(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        await Envelope.AssertAsync(await host.Anonymous().SendAsync(request, Cancellation), 401, "unauthorized");
    }

    private async Task<JsonElement> GetAsync(JsonElement signedIn, string path) =>
        await Person.OkAsync(await Person.Signed(host, signedIn).GetAsync(path, Cancellation));

    private Task<HttpResponseMessage> PostAsync(JsonElement signedIn, string path) => Person.Signed(host, signedIn).PostAsync(path, null, Cancellation);

    private Task<HttpResponseMessage> ChangeAsync(JsonElement signedIn, string current, string changed) => Person.Signed(host, signedIn)
        .PostAsJsonAsync("/auth/password", new { current_password = current, new_password = changed }, Cancellation);

    private Task<long> RevokedAsync(Person person) => Sql.CountAsync(
        host.Database.ForSuperuser(), $"revocations r JOIN sessions s ON s.id = r.subject_id {person.OwnsSession}");
}
