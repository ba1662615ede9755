using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

/// <summary>A list that ends with a full page says so: no <c>Link</c> leads to an empty one.</summary>
public sealed class PageTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/users")]
    [InlineData("/users/invitations")]
    [InlineData("/api-keys")]
    [InlineData("/tenants")]
    public async Task A_page_that_is_exactly_full_is_the_last(string path)
    {
        var admin = await Admin.NewAsync(host);
        var (client, filter) = (admin.Client, "");
        switch (path)
        {
            case "/users":
                await admin.WithAsync();
                break;
            case "/users/invitations":
                await Envelope.CreatedAsync(await admin.InviteAsync(new Person(host).Email));
                await Envelope.CreatedAsync(await admin.InviteAsync(new Person(host).Email));
                break;
            case "/api-keys":
                foreach (var name in new[] { "one", "two" })
                {
                    await Envelope.CreatedAsync(await KeyMaker.PostAsync(admin.Client, new { name, scopes = new[] { "telemetry:write" } }));
                }

                break;
            default:
                (client, filter) = (host.SuperAdmin(), $"&q={admin.TenantId}");
                break;
        }

        var count = path == "/tenants" ? 1 : 2;
        using var full = await client.GetAsync($"{path}?limit={count}{filter}", Cancellation);
        Assert.Equal(count, (await Person.OkAsync(full)).GetArrayLength());
        Assert.False(full.Headers.Contains("Link"));
        if (count == 2)
        {
            using var first = await client.GetAsync($"{path}?limit=1", Cancellation);
            var next = first.Headers.GetValues("Link").Single().Split('<', '>')[1];
            using var last = await client.GetAsync(path + next, Cancellation);
            Assert.Equal(1, (await Person.OkAsync(last)).GetArrayLength());
            Assert.False(last.Headers.Contains("Link"));
        }
    }
}
