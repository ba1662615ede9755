using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Identity.Tests;

/// <summary>Somebody with an e-mail address of its own, who speaks to a host as a client would.</summary>
internal sealed class Person(IdentityHost host)
{
    public const string Password = "Corr3ct-horse";

    public string Email { get; init; } = $"{Guid.CreateVersion7():N}@example.com";

    /// <summary>Of rows of <c>refresh_tokens t</c>: this person's.</summary>
    public string Owns => $"JOIN sessions s ON s.id = t.session_id {OwnsSession}";

    /// <summary>Of rows of <c>sessions s</c>: this person's.</summary>
    public string OwnsSession => $"JOIN users u ON u.id = s.user_id WHERE u.email = '{Email}'";

    private HttpClient Client { get; } = host.Anonymous();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<(Person Person, JsonElement SignedIn)> RegisteredAsync(IdentityHost host)
    {
        var person = new Person(host);
        return (person, await OkAsync(await person.RegisterAsync()));
    }

    public static async Task<JsonElement> OkAsync(HttpResponseMessage answer)
    {
        Assert.True(answer.IsSuccessStatusCode, $"{(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(Cancellation)}");
        return await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
    }

    public Task<HttpResponseMessage> RegisterAsync(string password = Password) => PostAsync("/auth/register", new { email = Email, password });

    public Task<HttpResponseMessage> LoginAsync(string password = Password) => PostAsync("/auth/login", new { email = Email, password });

    public async Task<HttpResponseMessage> RefreshAsync(JsonElement tokens, string? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/auth/refresh")
        {
            Content = JsonContent.Create(new { refresh_token = tokens.GetProperty("refresh_token").GetString() }),
        };
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        return await Client.SendAsync(request, Cancellation);
    }

    /// <summary>The client of somebody who signed in: what the gateway makes of its access token.</summary>
    public static HttpClient Signed(IdentityHost host, JsonElement signedIn) => host.As(signedIn.GetProperty("access_token").GetString()!);

    public Task<HttpResponseMessage> PostAsync(string path, object body) => Client.PostAsJsonAsync(path, body, Cancellation);

    /// <summary>Waits for this user's audit record to have gone through outbox, RabbitMQ and consumer.</summary>
    public async Task<Dictionary<string, object?>> AuditedAsync(string eventType, string result) => await Eventually.GetAsync(async () =>
        (await Sql.RowsAsync(
            host.Database.ForSuperuser(),
            $"""
            SELECT a.* FROM audit a WHERE event_type = '{eventType}' AND result = '{result}'
            AND (personal ->> 'email' = '{Email}' OR user_id = (SELECT id FROM users WHERE email = '{Email}'))
            """)).FirstOrDefault());

    public Task ChangeAsync(string set) => Sql.RunAsync(host.Database.ForSuperuser(), $"UPDATE users SET {set} WHERE email = '{Email}'");

    public Task ChangeTenantAsync(string set) => Sql.RunAsync(
        host.Database.ForSuperuser(), $"UPDATE tenants SET {set} WHERE id = (SELECT tenant_id FROM users WHERE email = '{Email}')");
}

/// <summary>SQL past the service, to arrange and to look.</summary>
internal static class Sql
{
    public static async Task RunAsync(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    public static async Task<List<Dictionary<string, object?>>> RowsAsync(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var command = source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var rows = new List<Dictionary<string, object?>>();
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            rows.Add(Enumerable.Range(0, reader.FieldCount).ToDictionary(reader.GetName, i => reader.IsDBNull(i) ? null : reader.GetValue(i)));
        }

        return rows;
    }

    public static async Task<long> CountAsync(string connectionString, string from) =>
        (long)(await RowsAsync(connectionString, $"SELECT count(*) AS n FROM {from}"))[0]["n"]!;
}
