using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

public sealed class RevocationTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_feed_gives_what_is_newer_to_sister_services_only()
    {
        await Envelope.AssertAsync(await host.Direct().GetAsync("/internal/revocations", Cancellation), 401, "unauthorized");
        var (_, signedIn) = await Person.RegisteredAsync(host);
        var before = (await FeedAsync()).GetProperty("version").GetInt64();
        await Person.Signed(host, signedIn).PostAsync("/auth/logout", null, Cancellation);
        var page = await FeedAsync($"?after={before}");
        var (_, claims) = await AccessTokenTests.VerifiedAsync(host, signedIn.GetProperty("access_token").GetString()!);
        var revoked = Assert.Single(page.GetProperty("revocations").EnumerateArray(), r => r.GetProperty("subject_id").GetGuid() == claims.GetProperty("sid").GetGuid());
        Assert.True(revoked.GetProperty("version").GetInt64() > claims.GetProperty("rv").GetInt64());
        Assert.Single((await FeedAsync("?limit=1")).GetProperty("revocations").EnumerateArray());
    }

    [Fact]
    public async Task Versions_come_in_the_order_of_their_commits()
    {
        var people = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Person.RegisteredAsync(host)));
        var seen = new SortedDictionary<long, Guid>();
        var last = (await FeedAsync()).GetProperty("version").GetInt64();
        var ends = people.Select(p => Person.Signed(host, p.SignedIn).PostAsync("/auth/logout", null, Cancellation)).ToList();
        await Eventually.TrueAsync(async () =>
        {
            foreach (var r in (await FeedAsync($"?after={last}")).GetProperty("revocations").EnumerateArray())
            {
                // A reader that goes on from what it has seen misses none: nothing older may appear later.
                Assert.True(r.GetProperty("version").GetInt64() > last);
                last = r.GetProperty("version").GetInt64();
                if (people.Any(p => Sid(p.SignedIn) == r.GetProperty("subject_id").GetGuid()))
                {
                    seen.Add(last, r.GetProperty("subject_id").GetGuid());
                }
            }

            return seen.Count == people.Length;
        });
        await Task.WhenAll(ends);
    }

    [Fact]
    public async Task A_token_issued_while_its_user_is_suspended_is_never_newer_than_the_suspension()
    {
        var admin = await Admin.NewAsync(host);
        var user = await admin.WithAsync();
        for (var round = 0; round < 10; round++)
        {
            var logins = Enumerable.Range(0, 4).Select(_ => user.Person.LoginAsync()).ToList();
            await Person.OkAsync(await admin.UpdateAsync(user.UserId, new { status = "suspended" }));
            var version = (await Sql.RowsAsync(
                host.Database.ForSuperuser(), $"SELECT max(version) AS v FROM revocations WHERE subject_id = '{user.UserId}'"))[0]["v"];
            foreach (var login in await Task.WhenAll(logins))
            {
                if (login.IsSuccessStatusCode)
                {
                    var (_, claims) = await AccessTokenTests.VerifiedAsync(host, (await Person.OkAsync(login)).GetProperty("access_token").GetString()!);
                    Assert.True(claims.GetProperty("rv").GetInt64() < (long)version!);
                }
            }

            await Person.OkAsync(await admin.UpdateAsync(user.UserId, new { status = "active" }));
        }
    }

    private static Guid Sid(JsonElement signedIn)
    {
        var payload = signedIn.GetProperty("access_token").GetString()!.Split('.')[1];
        return JsonSerializer.Deserialize<JsonElement>(System.Buffers.Text.Base64Url.DecodeFromChars(payload)).GetProperty("sid").GetGuid();
    }

    private async Task<JsonElement> FeedAsync(string query = "")
    {
        using var sister = host.Direct();
        sister.DefaultRequestHeaders.Add("X-EasySmart-Service-Key", IdentityHost.ServiceKey);
        return await sister.GetFromJsonAsync<JsonElement>($"/internal/revocations{query}", Cancellation);
    }
}
