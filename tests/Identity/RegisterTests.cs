using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

public sealed class RegisterTests(IdentityHost host)
{
    internal static readonly string[] SessionFields = ["access_token", "refresh_token", "expires_in", "user"];
    internal static readonly string[] UserFields = ["user_id", "tenant_id", "email", "role", "status", "created_at", "last_login_at"];

    [Fact]
    public async Task Makes_a_tenant_and_its_admin()
    {
        using var answer = await new Person(host) { Email = $"Ana.{Guid.CreateVersion7():N}@Example.COM" }.RegisterAsync();
        Assert.Equal(201, (int)answer.StatusCode);
        var body = await Person.OkAsync(answer);
        Assert.Equal(SessionFields, body.EnumerateObject().Select(f => f.Name));
        Assert.Equal(3600, body.GetProperty("expires_in").GetInt32());
        var user = body.GetProperty("user");
        Assert.Equal(UserFields, user.EnumerateObject().Select(f => f.Name));
        Assert.Equal("tenant_admin", user.GetProperty("role").GetString());
        Assert.Equal("active", user.GetProperty("status").GetString());
        Assert.Equal(JsonValueKind.Null, user.GetProperty("last_login_at").ValueKind);
        Assert.EndsWith("@example.com", user.GetProperty("email").GetString(), StringComparison.Ordinal);
        Assert.EndsWith("Z", user.GetProperty("created_at").GetString(), StringComparison.Ordinal);
        Assert.Equal(1, await Sql.CountAsync(host.Database.ForSuperuser(), $"tenants WHERE id = '{user.GetProperty("tenant_id").GetGuid()}'"));
    }

    [Theory]
    [InlineData("{}", "email", "password")]
    [InlineData("{\"email\": null, \"password\": null}", "email", "password")]
    [InlineData("{\"email\": \"nobody\", \"password\": \"Corr3ct-horse\"}", "email")]
    [InlineData("{\"email\": \"a@b.example\", \"password\": \"short\"}", "password")]
    [InlineData("{\"email\": \"a@b.example\", \"password\": 12}", "password")]
    public async Task Bad_input_is_400_and_names_the_fields(string json, params string[] fields)
    {
        using var content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using var answer = await host.Anonymous().PostAsync("/auth/register", content, TestContext.Current.CancellationToken);
        var envelope = await Envelope.AssertAsync(answer, 400, "bad_request");
        Assert.Equal(fields, envelope.GetProperty("details").EnumerateObject().Select(f => f.Name));
    }

    [Fact]
    public async Task A_taken_address_is_409_in_any_case_of_letters()
    {
        var (person, _) = await Person.RegisteredAsync(host);
        using var answer = await new Person(host) { Email = person.Email.ToUpperInvariant() }.RegisterAsync();
        await Envelope.AssertAsync(answer, 409, "conflict");
        Assert.Null((await person.AuditedAsync("auth.register", "failed"))["tenant_id"]);
    }

    [Fact]
    public async Task Of_twenty_at_once_one_gets_the_address()
    {
        var person = new Person(host);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => person.RegisterAsync()));
        Assert.Single(answers, a => (int)a.StatusCode == 201);
        foreach (var other in answers.Where(a => (int)a.StatusCode != 201))
        {
            await Envelope.AssertAsync(other, 409, "conflict");
        }

        // Nor did the others leave a tenant behind.
        Assert.Equal(1, await Sql.CountAsync(host.Database.ForSuperuser(), $"tenants WHERE name = '{person.Email}'"));
    }

    [Fact]
    public async Task Passwords_and_refresh_tokens_are_kept_as_hashes_only()
    {
        var (person, body) = await Person.RegisteredAsync(host);
        var user = (await Sql.RowsAsync(host.Database.ForSuperuser(), $"SELECT * FROM users WHERE email = '{person.Email}'")).Single();
        Assert.StartsWith("$argon2id$v=19$m=19456,t=2,p=1$", (string)user["password_hash"]!, StringComparison.Ordinal);
        var dump = string.Join('\n', (await Sql.RowsAsync(
            host.Database.ForSuperuser(),
            "SELECT t::text AS row FROM refresh_tokens t UNION ALL SELECT u::text FROM users u UNION ALL SELECT a::text FROM audit a")).Select(r => r["row"]));
        Assert.DoesNotContain(Person.Password, dump, StringComparison.Ordinal);
        Assert.DoesNotContain(body.GetProperty("refresh_token").GetString()!, dump, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Closed_registration_is_403()
    {
        await using var closed = IdentityHost.Beside(null, ("Identity:Registration", "closed"));
        await closed.InitializeAsync();
        await Envelope.AssertAsync(await new Person(closed).RegisterAsync(), 403, "forbidden");
    }
}
