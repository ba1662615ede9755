using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests;

/// <summary>Who may not act any more stops passing every gateway, long before the access token expires.</summary>
[Collection("Servers are killed here")]
public sealed class RevocationTests(ITestOutputHelper output)
{
    private const string Password = "Correct-Horse-7";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_hundred_users_who_are_suspended_deleted_or_given_another_role_are_out_at_two_gateways()
    {
        var admin = await Tenant.RegisterAsync();
        await using var second = await Fleet.SecondAsync("gateway");
        using var gateways = new Gateways(Fleet.Gateway, second.Address);
        var users = new List<User>();
        foreach (var group in Enumerable.Range(0, 100).Chunk(10))
        {
            users.AddRange(await Task.WhenAll(group.Select(_ => InvitedAsync(admin))));
        }

        Report("with RabbitMQ", await TrialsAsync(admin, gateways, users[..80]));
        await using (await Fleet.StoppedAsync("rabbitmq"))
        {
            Report("with RabbitMQ down", await TrialsAsync(admin, gateways, users[80..]));
        }
    }

    [Fact]
    public async Task All_users_of_a_suspended_tenant_are_out_until_it_is_active_again()
    {
        var admin = await Tenant.RegisterAsync();
        using var gateways = new Gateways(Fleet.Gateway);
        var user = await InvitedAsync(admin);
        Assert.True(await gateways.AllAsync(user.Token, 200));
        using var platform = new HttpClient { BaseAddress = Fleet.Gateway };
        platform.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await Tenant.SuperAdminTokenAsync());
        await Tenant.ReadAsync(await platform.PatchAsJsonAsync($"/api/v1/tenants/{admin.Id}", new { status = "suspended" }, Cancellation), 200);
        await Eventually.TrueAsync(() => gateways.AllAsync(user.Token, 401));
        using var refused = await gateways.PostAsync("/api/v1/auth/refresh", new { refresh_token = user.RefreshToken });
        await Envelope.AssertAsync(refused, 403, "forbidden");

        await Tenant.ReadAsync(await platform.PatchAsJsonAsync($"/api/v1/tenants/{admin.Id}", new { status = "active" }, Cancellation), 200);
        var refreshed = await Tenant.ReadAsync(await gateways.PostAsync("/api/v1/auth/refresh", new { refresh_token = user.RefreshToken }), 200);
        Assert.True(await gateways.AllAsync(refreshed.GetProperty("access_token").GetString()!, 200));
    }

    private static async Task<List<TimeSpan>> TrialsAsync(Tenant admin, Gateways gateways, List<User> users)
    {
        var took = new List<TimeSpan>();
        foreach (var group in users.Index().Chunk(10))
        {
            took.AddRange(await Task.WhenAll(group.Select(trial => TrialAsync(admin, gateways, trial.Item, trial.Index))));
        }

        return took;
    }

    private static async Task<TimeSpan> TrialAsync(Tenant admin, Gateways gateways, User user, int number)
    {
        // Both gateways have verified the token, and remember it.
        Assert.True(await gateways.AllAsync(user.Token, 200));
        var path = $"/api/v1/users/{user.Id}";
        using var changed = await ((number % 3) switch
        {
            0 => admin.SendAsync(HttpMethod.Patch, path, JsonContent.Create(new { role = "tenant_admin" })),
            1 => admin.SendAsync(HttpMethod.Patch, path, JsonContent.Create(new { status = "suspended" })),
            _ => admin.SendAsync(HttpMethod.Delete, path, null),
        });
        var clock = Stopwatch.StartNew();
        Assert.True(changed.IsSuccessStatusCode, await changed.Content.ReadAsStringAsync(Cancellation));
        await Eventually.TrueAsync(() => gateways.AllAsync(user.Token, 401));
        return clock.Elapsed;
    }

    private static async Task<User> InvitedAsync(Tenant admin)
    {
        var email = $"{Guid.NewGuid():N}@example.com";
        using var gateway = new Gateways(Fleet.Gateway);
        var invitation = await Tenant.ReadAsync(await admin.SendAsync(HttpMethod.Post, "/api/v1/users/invitations", JsonContent.Create(new { email })), 201);
        var signedIn = await Tenant.ReadAsync(
            await gateway.PostAsync("/api/v1/auth/invitations/accept", new { token = invitation.GetProperty("token").GetString(), password = Password }), 201);
        return new User(
            signedIn.GetProperty("user").GetProperty("user_id").GetGuid(),
            signedIn.GetProperty("access_token").GetString()!,
            signedIn.GetProperty("refresh_token").GetString()!);
    }

    // The limit is 5 s; how long it takes on a busy machine is told, not asserted.
    private void Report(string what, List<TimeSpan> took) => output.WriteLine(
        $"{what}: {took.Count} trials, out after {took.Order().ElementAt(took.Count / 2).TotalSeconds:0.0} s (median), {took.Max().TotalSeconds:0.0} s (longest)");

    private sealed record User(Guid Id, string Token, string RefreshToken);

    private sealed class Gateways(params Uri[] addresses) : IDisposable
    {
        private readonly List<HttpClient> _clients = [.. addresses.Select(a => new HttpClient { BaseAddress = a })];

        public async Task<bool> AllAsync(string token, int status)
        {
            foreach (var client in _clients)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/devices?limit=1");
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
                using var answer = await client.SendAsync(request, Cancellation);
                if ((int)answer.StatusCode != status)
                {
                    return false;
                }
            }

            return true;
        }

        public Task<HttpResponseMessage> PostAsync(string path, object body) => _clients[0].PostAsJsonAsync(path, body, Cancellation);

        public void Dispose() => _clients.ForEach(client => client.Dispose());
    }
}

/// <summary>After all other tests, one at a time: they stop servers that the others need.</summary>
[CollectionDefinition("Servers are killed here", DisableParallelization = true)]
public sealed class ServersAreKilledHere;
