using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

/// <summary>The two links that people are handed: the one that makes an account, and the one that sets a forgotten password.</summary>
public sealed class InvitationTests(IdentityHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_invitation_makes_one_account()
    {
        var admin = await Admin.NewAsync(host);
        var invited = new Person(host);
        var invitation = await Envelope.CreatedAsync(await admin.InviteAsync(invited.Email.ToUpperInvariant()));
        Assert.Equal(
            ["created_at", "email", "expires_at", "invitation_id", "role", "tenant_id", "token"],
            invitation.EnumerateObject().Select(f => f.Name).Order(StringComparer.Ordinal));
        Assert.Equal(invited.Email, invitation.GetProperty("email").GetString());
        Assert.DoesNotContain("token", (await Person.OkAsync(await admin.Client.GetAsync("/users/invitations", Cancellation)))[0].EnumerateObject().Select(f => f.Name));

        // Of ten at once, one makes it.
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => admin.AcceptAsync(invitation)));
        var signedIn = await Envelope.CreatedAsync(Assert.Single(answers, a => a.IsSuccessStatusCode));
        foreach (var other in answers.Where(a => !a.IsSuccessStatusCode))
        {
            await Envelope.AssertAsync(other, 401, "unauthorized");
        }

        var user = signedIn.GetProperty("user");
        Assert.Equal((admin.TenantId, "tenant_user"), (user.GetProperty("tenant_id").GetGuid(), user.GetProperty("role").GetString()));
        await Person.OkAsync(await invited.LoginAsync());
        Assert.Empty((await Person.OkAsync(await admin.Client.GetAsync("/users/invitations", Cancellation))).EnumerateArray());
        await admin.Person.AuditedAsync("auth.register", "success");
        await invited.AuditedAsync("user.invitation_accepted", "success");
    }

    [Fact]
    public async Task A_retry_with_the_same_Idempotency_Key_gets_the_same_link()
    {
        var admin = await Admin.NewAsync(host);
        var email = new Person(host).Email;
        var (first, again) = (await InviteAsync(), await InviteAsync());
        Assert.Equal(first.GetRawText(), again.GetRawText());
        await Envelope.CreatedAsync(await admin.AcceptAsync(first));

        async Task<JsonElement> InviteAsync()
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/users/invitations") { Content = JsonContent.Create(new { email }) };
            request.Headers.Add("Idempotency-Key", "invite-1");
            return await Envelope.CreatedAsync(await admin.Client.SendAsync(request, Cancellation));
        }
    }

    [Fact]
    public async Task One_that_was_withdrawn_replaced_or_has_expired_is_401()
    {
        var admin = await Admin.NewAsync(host);
        var email = new Person(host).Email;
        var replaced = await Envelope.CreatedAsync(await admin.InviteAsync(email));
        var withdrawn = await Envelope.CreatedAsync(await admin.InviteAsync(email));
        var path = $"/users/invitations/{withdrawn.GetProperty("invitation_id").GetGuid()}";
        Assert.Equal(204, (int)(await admin.Client.DeleteAsync(path, Cancellation)).StatusCode);
        await Envelope.AssertAsync(await admin.Client.DeleteAsync(path, Cancellation), 404, "not_found");
        var expired = await Envelope.CreatedAsync(await admin.InviteAsync(email));
        await Sql.RunAsync(host.Database.ForSuperuser(), $"UPDATE invitations SET expires_at = now() WHERE email = '{email}' AND withdrawn_at IS NULL");
        foreach (var invitation in new[] { replaced, withdrawn, expired })
        {
            await Envelope.AssertAsync(await admin.AcceptAsync(invitation), 401, "unauthorized");
        }
    }

    [Fact]
    public async Task Who_has_an_account_is_not_invited_and_a_weak_password_is_400()
    {
        var (admin, other) = (await Admin.NewAsync(host), await Admin.NewAsync(host));
        await Envelope.AssertAsync(await admin.InviteAsync(other.Person.Email), 409, "conflict");
        await Envelope.AssertAsync(await admin.InviteAsync("nobody"), 400, "bad_request");
        var late = new Person(host);
        var invitation = await Envelope.CreatedAsync(await admin.InviteAsync(late.Email));
        await Envelope.AssertAsync(await admin.AcceptAsync(invitation, "weak"), 400, "bad_request");

        // An account was made meanwhile; the invitation stays open, for the case that it is deleted.
        await late.RegisterAsync();
        await Envelope.AssertAsync(await admin.AcceptAsync(invitation), 409, "conflict");
    }

    [Fact]
    public async Task An_invitation_of_a_suspended_tenant_is_403()
    {
        var admin = await Admin.NewAsync(host);
        var invitation = await Envelope.CreatedAsync(await admin.InviteAsync(new Person(host).Email));
        await admin.Person.ChangeTenantAsync("status = 'suspended'");
        await Envelope.AssertAsync(await admin.AcceptAsync(invitation), 403, "forbidden");
        await admin.Person.ChangeTenantAsync("status = 'active'");
        await Envelope.CreatedAsync(await admin.AcceptAsync(invitation));
    }

    [Fact]
    public async Task A_reset_link_sets_the_password_once_and_ends_the_sessions()
    {
        var admin = await Admin.NewAsync(host);
        var user = await admin.WithAsync();
        var path = $"/users/{user.UserId}/password-reset";
        var (first, second) = (await IssueAsync(), await IssueAsync());
        await Envelope.AssertAsync(await user.Client.PostAsync(path, null, Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await SetAsync(first, "weak"), 400, "bad_request");
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => SetAsync(first, "N3w-password")));
        Assert.Equal(204, (int)Assert.Single(answers, a => a.IsSuccessStatusCode).StatusCode);
        await Envelope.AssertAsync(await SetAsync(second, "N3wer-password"), 401, "unauthorized");
        await Envelope.AssertAsync(await SetAsync("nonsense", "N3wer-password"), 401, "unauthorized");

        await Envelope.AssertAsync(await user.Person.LoginAsync(), 401, "unauthorized");
        await Envelope.AssertAsync(await user.Person.RefreshAsync(user.SignedIn), 401, "unauthorized");
        await Person.OkAsync(await user.Person.LoginAsync("N3w-password"));
        await user.Person.AuditedAsync("auth.password_reset_issued", "success");
        await user.Person.AuditedAsync("auth.password_reset", "success");

        var expired = await IssueAsync();
        await Sql.RunAsync(host.Database.ForSuperuser(), $"UPDATE password_resets SET expires_at = now() WHERE user_id = '{user.UserId}'");
        await Envelope.AssertAsync(await SetAsync(expired, "N3wer-password"), 401, "unauthorized");

        async Task<string> IssueAsync() =>
            (await Envelope.CreatedAsync(await admin.Client.PostAsync(path, null, Cancellation))).GetProperty("token").GetString()!;

        Task<HttpResponseMessage> SetAsync(string token, string password) => user.Person.PostAsync("/auth/password/reset", new { token, password });
    }
}
