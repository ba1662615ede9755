using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

/// <summary>The admin of a fresh tenant, and what it does with its users.</summary>
internal sealed class Admin(IdentityHost host, Person person, JsonElement signedIn)
{
    public Person Person => person;

    public JsonElement SignedIn => signedIn;

    public Guid UserId => signedIn.GetProperty("user").GetProperty("user_id").GetGuid();

    public Guid TenantId => signedIn.GetProperty("user").GetProperty("tenant_id").GetGuid();

    public HttpClient Client { get; } = Person.Signed(host, signedIn);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<Admin> NewAsync(IdentityHost host)
    {
        var (person, signedIn) = await Person.RegisteredAsync(host);
        return new Admin(host, person, signedIn);
    }

    public Task<HttpResponseMessage> InviteAsync(string email, string role = "tenant_user") =>
        Client.PostAsJsonAsync("/users/invitations", new { email, role }, Cancellation);

    /// <summary>Somebody who was invited and accepted.</summary>
    public async Task<Admin> WithAsync(string role = "tenant_user")
    {
        var invited = new Person(host);
        var invitation = await Envelope.CreatedAsync(await InviteAsync(invited.Email, role));
        return new Admin(host, invited, await Envelope.CreatedAsync(await AcceptAsync(invitation)));
    }

    public Task<HttpResponseMessage> AcceptAsync(JsonElement invitation, string password = Person.Password) =>
        person.PostAsync("/auth/invitations/accept", new { token = invitation.GetProperty("token").GetString(), password });

    public Task<HttpResponseMessage> UpdateAsync(Guid user, object change) => Client.PatchAsJsonAsync($"/users/{user}", change, Cancellation);

    public Task<HttpResponseMessage> DeleteAsync(Guid user) => Client.DeleteAsync($"/users/{user}", Cancellation);

    public async Task<List<JsonElement>> UsersAsync(string query = "") =>
        [.. (await Person.OkAsync(await Client.GetAsync($"/users{query}", Cancellation))).EnumerateArray()];
}
