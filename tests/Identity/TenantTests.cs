using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Contracts.Identity;
using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

/// <summary>What the operator does with its customers.</summary>
public sealed class TenantTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Operator => host.As(null, role: "super_admin", permissions: "system:admin");

    [Fact]
    public async Task Tenants_are_found_by_name_address_id_and_status_and_paged()
    {
        var word = Guid.CreateVersion7().ToString("N");
        var (first, second) = (await CreateAsync($"{word} 100% Açúcar_SA"), await CreateAsync($"{word} other"));
        Assert.Equal([Id(second), Id(first)], await FindAsync($"?q={word}"));
        Assert.Equal([Id(first)], await FindAsync($"?q={word}%20100%25%20a"));
        Assert.Empty(await FindAsync($"?q={word}%20100_"));
        Assert.Equal([Id(first)], await FindAsync($"?q={Id(first)}"));
        var admin = await Admin.NewAsync(host);
        Assert.Equal([admin.TenantId], await FindAsync($"?q={admin.Person.Email}"));
        Assert.Empty(await FindAsync($"?q={word}&status=suspended"));

        using var page = await Operator.GetAsync($"/tenants?q={word}&limit=1", Cancellation);
        var link = page.Headers.GetValues("Link").Single();
        Assert.Equal([Id(first)], await FindAsync(link[1..link.IndexOf('>', StringComparison.Ordinal)]));
        var shown = (await Person.OkAsync(page))[0];
        Assert.Equal(["tenant_id", "name", "status", "created_at"], shown.EnumerateObject().Select(f => f.Name));
        await Envelope.AssertAsync(await Operator.GetAsync("/tenants?status=gone", Cancellation), 400, "bad_request");
    }

    [Fact]
    public async Task A_new_tenant_has_an_invited_admin_and_is_told_of()
    {
        await using var probe = new EventProbe(host, "test-identity").On<TenantCreated>();
        await probe.StartAsync();
        var person = new Person(host);
        var tenant = await CreateAsync("Plant", person.Email);
        await probe.ExpectAsync<TenantCreated>(e => e.TenantId == Id(tenant));
        var token = tenant.GetProperty("invitation").GetProperty("token").GetString();
        var signedIn = await Envelope.CreatedAsync(await person.PostAsync("/auth/invitations/accept", new { token, password = Person.Password }));
        Assert.Equal("tenant_admin", signedIn.GetProperty("user").GetProperty("role").GetString());
        var own = await Person.OkAsync(await Person.Signed(host, signedIn).GetAsync("/tenants/me", Cancellation));
        Assert.Equal(("Plant", Id(tenant)), (own.GetProperty("name").GetString(), Id(own)));
        await Envelope.AssertAsync(await Operator.PostAsJsonAsync("/tenants", new { name = "Plant", admin_email = person.Email }, Cancellation), 409, "conflict");
    }

    [Fact]
    public async Task A_suspended_tenants_users_are_out_until_it_is_reactivated()
    {
        await using var probe = new EventProbe(host, "test-identity").On<TenantStatusChanged>();
        await probe.StartAsync();
        var admin = await Admin.NewAsync(host);
        var suspended = await Person.OkAsync(await UpdateAsync(admin.TenantId, new { status = "suspended" }));
        Assert.Equal("suspended", suspended.GetProperty("status").GetString());
        var told = await probe.ExpectAsync<TenantStatusChanged>(e => e.TenantId == admin.TenantId);
        Assert.Equal(("suspended", 2), (told.Status, told.Version));
        await Envelope.AssertAsync(await admin.Person.LoginAsync(), 403, "forbidden");
        await Envelope.AssertAsync(await admin.Person.RefreshAsync(admin.SignedIn), 403, "forbidden");
        Assert.Equal(1, await RevokedAsync(admin));
        await Person.OkAsync(await UpdateAsync(admin.TenantId, new { status = "suspended" }));
        Assert.Equal(1, await RevokedAsync(admin));

        await Person.OkAsync(await UpdateAsync(admin.TenantId, new { status = "active" }));
        Assert.Equal(3, (await probe.ExpectAsync<TenantStatusChanged>(e => e.TenantId == admin.TenantId && e.Status == "active")).Version);
        await Person.OkAsync(await admin.Person.RefreshAsync(admin.SignedIn));
        var records = await Eventually.GetAsync(async () => await Sql.RowsAsync(
            host.Database.ForSuperuser(), $"SELECT * FROM audit WHERE event_type = 'tenant.reactivated' AND tenant_id = '{admin.TenantId}'") is [var one] ? one : null);
        Assert.Equal("tenant", records["resource_type"]);
    }

    [Fact]
    public async Task A_new_name_takes_nothing_back()
    {
        var admin = await Admin.NewAsync(host);
        Assert.Equal("Usina São João", (await Person.OkAsync(await UpdateAsync(admin.TenantId, new { name = " Usina São João " }))).GetProperty("name").GetString());
        Assert.Equal(0, await RevokedAsync(admin));
        await Envelope.AssertAsync(await UpdateAsync(admin.TenantId, new { name = " " }), 400, "bad_request");
        await Envelope.AssertAsync(await UpdateAsync(admin.TenantId, new { status = "deleted" }), 400, "bad_request");
        await Envelope.AssertAsync(await UpdateAsync(Guid.NewGuid(), new { name = "x" }), 404, "not_found");
    }

    [Theory]
    [InlineData("GET", "/tenants")]
    [InlineData("POST", "/tenants")]
    [InlineData("GET", "/tenants/{0}")]
    [InlineData("PATCH", "/tenants/{0}")]
    public async Task Only_the_operator_manages_tenants(string method, string path)
    {
        var admin = await Admin.NewAsync(host);
        using var request = new HttpRequestMessage(
            new HttpMethod(method), string.Format(System.Globalization.CultureInfo.InvariantCulture, path, admin.TenantId));
        await Envelope.AssertAsync(await admin.Client.SendAsync(request, Cancellation), 403, "forbidden");
    }

    [Fact]
    public async Task Super_admins_invite_each_other_and_one_stays()
    {
        await using var database = await IdentityHost.MigratedDatabaseAsync();
        await using var own = IdentityHost.Beside(
            database, ("Identity:SuperAdmin:Email", "first@example.com"), ("Identity:SuperAdmin:Password", Person.Password));
        await own.InitializeAsync();
        var first = Person.Signed(own, await Person.OkAsync(await new Person(own) { Email = "first@example.com" }.LoginAsync()));
        var invitation = await Envelope.CreatedAsync(await first.PostAsJsonAsync("/admins/invitations", new { email = "second@example.com" }, Cancellation));
        await Envelope.AssertAsync(
            await first.PostAsJsonAsync("/admins/invitations", new { email = "x@example.com", role = "tenant_user" }, Cancellation), 400, "bad_request");
        var second = await Envelope.CreatedAsync(await new Person(own).PostAsync(
            "/auth/invitations/accept", new { token = invitation.GetProperty("token").GetString(), password = Person.Password }));
        Assert.Equal("super_admin", second.GetProperty("user").GetProperty("role").GetString());

        var admins = (await Person.OkAsync(await first.GetAsync("/admins", Cancellation))).EnumerateArray().Select(u => u.GetProperty("user_id").GetGuid()).ToList();
        Assert.Equal(2, admins.Count);
        using var client = Person.Signed(own, second);
        Assert.Equal(204, (int)(await client.DeleteAsync($"/admins/{admins[1]}", Cancellation)).StatusCode);
        await Envelope.AssertAsync(await client.DeleteAsync($"/admins/{admins[0]}", Cancellation), 409, "conflict");
        await Person.OkAsync(await client.GetAsync("/auth/sessions", Cancellation));
        await Person.OkAsync(await client.GetAsync("/auth/me", Cancellation));
    }

    private static Guid Id(JsonElement tenant) => tenant.GetProperty("tenant_id").GetGuid();

    private async Task<JsonElement> CreateAsync(string name, string? email = null) => await Envelope.CreatedAsync(
        await Operator.PostAsJsonAsync("/tenants", new { name, admin_email = email ?? new Person(host).Email }, Cancellation));

    private async Task<IEnumerable<Guid>> FindAsync(string query) =>
        (await Person.OkAsync(await Operator.GetAsync($"/tenants{query}", Cancellation))).EnumerateArray().Select(Id);

    private Task<HttpResponseMessage> UpdateAsync(Guid tenant, object change) => Operator.PatchAsJsonAsync($"/tenants/{tenant}", change, Cancellation);

    private Task<long> RevokedAsync(Admin admin) =>
        Sql.CountAsync(host.Database.ForSuperuser(), $"revocations WHERE subject_id = '{admin.TenantId}' AND kind = 'tenant'");
}
