using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

/// <summary>What sister services ask about tenants.</summary>
public sealed class TenantStateTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_snapshot_is_paged_by_id_and_misses_none()
    {
        var admins = new List<Admin>();
        for (var i = 0; i < 5; i++)
        {
            admins.Add(await Admin.NewAsync(host));
        }

        var suspended = admins[2].TenantId;
        await Person.OkAsync(await host.SuperAdmin().PatchAsJsonAsync($"/tenants/{suspended}", new { status = "suspended" }, Cancellation));
        var (seen, after) = (new List<JsonElement>(), Guid.Empty);
        while (await PageAsync($"?after={after}&limit=2") is { Length: > 0 } page)
        {
            Assert.InRange(page.Length, 1, 2);
            Assert.All(page, t => Assert.Equal(["tenant_id", "status", "version", "created_at"], t.EnumerateObject().Select(p => p.Name)));
            Assert.All(page, t => Assert.True(Id(t).CompareTo(after) > 0));
            (seen, after) = ([.. seen, .. page], Id(page[^1]));
        }

        var mine = seen.Where(t => admins.Any(a => a.TenantId == Id(t))).ToDictionary(Id, t => (t.GetProperty("status").GetString(), t.GetProperty("version").GetInt64()));
        Assert.Equal(5, mine.Count);
        Assert.All(mine, t => Assert.Equal(t.Key == suspended ? ("suspended", 2L) : ("active", 1L), t.Value));
        Assert.Equal(Id(seen[0]), Id((await PageAsync("?limit=1"))[0]));
    }

    [Theory]
    [InlineData("?limit=0", "limit")]
    [InlineData("?limit=10001", "limit")]
    [InlineData("?after=x", "after")]
    public async Task A_bad_page_is_400(string query, string field)
    {
        using var sister = Sister();
        var envelope = await Envelope.AssertAsync(await sister.GetAsync($"/internal/tenants{query}", Cancellation), 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty(field, out _), envelope.ToString());
    }

    [Fact]
    public async Task Without_the_service_key_nothing_is_told()
    {
        await Envelope.AssertAsync(await host.Direct().GetAsync("/internal/tenants", Cancellation), 401, "unauthorized");
        await Envelope.AssertAsync(await host.SuperAdmin().GetAsync("/internal/tenants", Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await host.SuperAdmin().GetAsync($"/internal/tenants/{Guid.CreateVersion7()}", Cancellation), 403, "forbidden");
    }

    [Fact]
    public async Task One_is_told_as_the_snapshot_has_it()
    {
        var admin = await Admin.NewAsync(host);
        using var sister = Sister();
        var one = await sister.GetFromJsonAsync<JsonElement>($"/internal/tenants/{admin.TenantId}", Cancellation);
        var (page, after) = (Array.Empty<JsonElement>(), Guid.Empty);
        while (!page.Any(t => Id(t) == admin.TenantId))
        {
            page = await PageAsync($"?after={after}");
            after = Id(page[^1]);
        }

        Assert.Equal(page.Single(t => Id(t) == admin.TenantId).GetRawText(), one.GetRawText());
        await Envelope.AssertAsync(await sister.GetAsync($"/internal/tenants/{Guid.CreateVersion7()}", Cancellation), 404, "not_found");
    }

    private async Task<JsonElement[]> PageAsync(string query)
    {
        using var sister = Sister();
        return (await sister.GetFromJsonAsync<JsonElement[]>($"/internal/tenants{query}", Cancellation))!;
    }

    private HttpClient Sister()
    {
        var sister = host.Direct();
        sister.DefaultRequestHeaders.Add("X-EasySmart-Service-Key", IdentityHost.ServiceKey);
        return sister;
    }

    private static Guid Id(JsonElement tenant) => tenant.GetProperty("tenant_id").GetGuid();
}
