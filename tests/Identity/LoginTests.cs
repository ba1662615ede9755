using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

public sealed class LoginTests(IdentityHost host)
{
    [Fact]
    public async Task Answers_as_register_does_and_remembers_when()
    {
        var (person, registered) = await Person.RegisteredAsync(host);
        using var answer = await new Person(host) { Email = person.Email.ToUpperInvariant() }.LoginAsync();
        Assert.Equal(200, (int)answer.StatusCode);
        var body = await Person.OkAsync(answer);
        Assert.Equal(RegisterTests.SessionFields, body.EnumerateObject().Select(f => f.Name));
        var (before, after) = (registered.GetProperty("user"), body.GetProperty("user"));
        Assert.Equal(RegisterTests.UserFields, after.EnumerateObject().Select(f => f.Name));
        Assert.All(RegisterTests.UserFields.Except(["last_login_at"]), f => Assert.Equal(before.GetProperty(f).ToString(), after.GetProperty(f).ToString()));
        Assert.EndsWith("Z", after.GetProperty("last_login_at").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_password_and_an_unknown_address_are_the_same_401()
    {
        var (person, _) = await Person.RegisteredAsync(host);
        var wrong = await Envelope.AssertAsync(await person.LoginAsync("Wr0ng-horse"), 401, "unauthorized");
        var unknown = await Envelope.AssertAsync(await new Person(host).LoginAsync(), 401, "unauthorized");
        Assert.Equal(wrong.GetProperty("message").GetString(), unknown.GetProperty("message").GetString());
    }

    [Theory]
    [InlineData("nobody")]
    [InlineData("a\0b@example.com")]
    [InlineData("' OR 1=1 --")]
    public async Task What_is_no_address_is_401(string email) =>
        await Envelope.AssertAsync(await new Person(host) { Email = email }.LoginAsync(), 401, "unauthorized");

    [Theory]
    [InlineData("{}", "email", "password")]
    [InlineData("{\"email\": \"a@b.example\"}", "password")]
    [InlineData("{\"email\": [], \"password\": \"x\"}", "email")]
    public async Task A_missing_or_malformed_field_is_400(string json, params string[] fields)
    {
        using var content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using var answer = await host.Anonymous().PostAsync("/auth/login", content, TestContext.Current.CancellationToken);
        var envelope = await Envelope.AssertAsync(answer, 400, "bad_request");
        Assert.Equal(fields, envelope.GetProperty("details").EnumerateObject().Select(f => f.Name));
    }

    [Theory]
    [InlineData("suspended", "active", "account_suspended")]
    [InlineData("deleted", "active", "account_deleted")]
    [InlineData("active", "suspended", "tenant_suspended")]
    [InlineData("active", "deleted", "tenant_deleted")]
    public async Task An_account_that_is_not_active_is_403_for_who_knows_the_password(string user, string tenant, string reason)
    {
        var (person, tokens) = await Person.RegisteredAsync(host);
        await person.ChangeAsync($"status = '{user}'");
        await person.ChangeTenantAsync($"status = '{tenant}'");
        await Envelope.AssertAsync(await person.LoginAsync(), 403, "forbidden");
        await Envelope.AssertAsync(await person.LoginAsync("Wr0ng-horse"), 401, "unauthorized");
        await Envelope.AssertAsync(await person.RefreshAsync(tokens), 403, "forbidden");

        var record = await person.AuditedAsync("auth.login", "denied");
        Assert.Equal(reason, JsonSerializer.Deserialize<JsonElement>((string)record["metadata"]!).GetProperty("reason").GetString());

        // The refusal did not spend the token.
        await person.ChangeAsync("status = 'active'");
        await person.ChangeTenantAsync("status = 'active'");
        await Person.OkAsync(await person.RefreshAsync(tokens));
    }

    [Theory]
    [InlineData("bcrypt")]
    [InlineData("argon2id with older parameters")]
    public async Task An_older_hash_is_accepted_once_and_upgraded(string kind)
    {
        var (person, _) = await Person.RegisteredAsync(host);
        var today = await HashAsync();
        await person.ChangeAsync($"password_hash = '{(kind == "bcrypt" ? BCrypt.Net.BCrypt.HashPassword(Person.Password, 4) : Weak())}'");
        await Envelope.AssertAsync(await person.LoginAsync("Wr0ng-horse"), 401, "unauthorized");
        Assert.DoesNotContain("m=19456", await HashAsync(), StringComparison.Ordinal);
        await Person.OkAsync(await person.LoginAsync());
        var upgraded = await HashAsync();
        Assert.StartsWith("$argon2id$v=19$m=19456,t=2,p=1$", upgraded, StringComparison.Ordinal);
        Assert.NotEqual(today, upgraded);
        await Person.OkAsync(await person.LoginAsync());
        Assert.Equal(upgraded, await HashAsync());

        async Task<string> HashAsync() =>
            (string)(await Sql.RowsAsync(host.Database.ForSuperuser(), $"SELECT password_hash FROM users WHERE email = '{person.Email}'"))[0]["password_hash"]!;

        static string Weak()
        {
            var salt = new byte[16];
            using var argon2 = new Konscious.Security.Cryptography.Argon2id(System.Text.Encoding.UTF8.GetBytes(Person.Password))
            {
                Salt = salt,
                MemorySize = 64,
                Iterations = 1,
                DegreeOfParallelism = 1,
            };
            return new Passwords.PasswordHash(new Passwords.Argon2Cost(64, 1, 1), salt, argon2.GetBytes(32)).ToString();
        }
    }
}
