using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.IdentityModel.JsonWebTokens;

namespace EasySmart.Identity.Tests;

/// <summary>Tickets for live streams: who is given one, what a gateway is told of it, and how long it is good.</summary>
public sealed class StreamTicketTests(IdentityHost host)
{
    private const string Path = "/telemetry/stream/tickets";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_names_its_owner_as_the_token_did_and_is_good_once()
    {
        var (_, signedIn) = await Person.RegisteredAsync(host);
        var token = new JsonWebToken(signedIn.GetProperty("access_token").GetString());
        var asked = DateTimeOffset.UtcNow;
        using var answer = await Person.Signed(host, signedIn).PostAsync(Path, null, Cancellation);
        var made = await Envelope.CreatedAsync(answer);
        Assert.Equal(["ticket", "expires_at"], made.EnumerateObject().Select(p => p.Name));
        Assert.Matches("^[A-Za-z0-9_-]{43}$", TextOf(made));
        Assert.InRange(made.GetProperty("expires_at").GetDateTimeOffset(), asked.AddSeconds(59), DateTimeOffset.UtcNow.AddSeconds(61));

        var owner = await Person.OkAsync(await RedeemAsync(TextOf(made)));
        Assert.Equal(
            ["kind", "caller_id", "tenant_id", "session_id", "rv", "credential_expires_at"], owner.EnumerateObject().Select(p => p.Name));
        Assert.Equal("user", owner.GetProperty("kind").GetString());
        Assert.Equal(token.Subject, owner.GetProperty("caller_id").GetString());
        Assert.Equal(token.GetClaim("tenant_id").Value, owner.GetProperty("tenant_id").GetString());
        Assert.Equal(token.GetClaim("sid").Value, owner.GetProperty("session_id").GetString());
        Assert.Equal(token.GetClaim("rv").Value, owner.GetProperty("rv").GetRawText());
        Assert.Equal(token.ValidTo, owner.GetProperty("credential_expires_at").GetDateTimeOffset().UtcDateTime);
        await Envelope.AssertAsync(await RedeemAsync(TextOf(made)), 404, "not_found");
    }

    [Fact]
    public async Task Of_many_who_come_with_one_at_once_one_gets_in()
    {
        var text = TextOf(await MakeAsync(host.As(Guid.CreateVersion7(), permissions: Permissions.TelemetryRead)));
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => RedeemAsync(text)));
        Assert.Single(answers, answer => answer.IsSuccessStatusCode);
    }

    [Fact]
    public async Task Programs_and_the_operator_are_given_them_too()
    {
        var tenant = Guid.CreateVersion7();
        var ofKey = await Person.OkAsync(await RedeemAsync(TextOf(await MakeAsync(host.AsKey(tenant, Permissions.TelemetryRead)))));
        Assert.Equal(("api_key", $"{tenant}"), (ofKey.GetProperty("kind").GetString(), ofKey.GetProperty("tenant_id").GetString()));
        Assert.Equal(JsonValueKind.Null, ofKey.GetProperty("credential_expires_at").ValueKind);
        var ofOperator = await Person.OkAsync(await RedeemAsync(TextOf(await MakeAsync(host.SuperAdmin()))));
        Assert.Equal(JsonValueKind.Null, ofOperator.GetProperty("tenant_id").ValueKind);
    }

    [Fact]
    public async Task Who_may_not_read_gets_none_and_only_a_gateway_redeems_them()
    {
        await Envelope.AssertAsync(await host.As(Guid.CreateVersion7(), permissions: Permissions.TelemetryWrite).PostAsync(Path, null, Cancellation), 403, "forbidden");
        await Envelope.AssertAsync(await host.Anonymous().PostAsync(Path, null, Cancellation), 401, "unauthorized");
        var reader = host.As(Guid.CreateVersion7(), permissions: Permissions.TelemetryRead);
        var text = TextOf(await MakeAsync(reader));
        await Envelope.AssertAsync(await RedeemAsync(text, host.Direct()), 401, "unauthorized");
        await Envelope.AssertAsync(await RedeemAsync(text, reader), 403, "forbidden");
        await Person.OkAsync(await RedeemAsync(text));
    }

    [Fact]
    public async Task Only_its_hash_is_kept()
    {
        var tenant = Guid.CreateVersion7();
        var text = TextOf(await MakeAsync(host.As(tenant, permissions: Permissions.TelemetryRead)));
        var row = Assert.Single(await Sql.RowsAsync(host.Database.ForSuperuser(), $"SELECT * FROM stream_tickets WHERE tenant_id = '{tenant}'"));
        Assert.Equal(HashOf(text), row["hash"]);
        Assert.DoesNotContain(row.Values, value => value is string kept && kept.Contains(text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("expires_at")]
    [InlineData("credential_expires_at")]
    public async Task One_that_is_too_old_or_whose_token_has_expired_opens_nothing(string column)
    {
        var tenant = Guid.CreateVersion7();
        var text = TextOf(await MakeAsync(host.As(tenant, permissions: Permissions.TelemetryRead)));
        await Sql.RunAsync(host.Database.ForSuperuser(), $"UPDATE stream_tickets SET {column} = now() - interval '1 second' WHERE tenant_id = '{tenant}'");
        await Envelope.AssertAsync(await RedeemAsync(text), 404, "not_found");
    }

    [Fact]
    public async Task Old_ones_are_forgotten()
    {
        var (old, fresh) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await MakeAsync(host.As(old, permissions: Permissions.TelemetryRead));
        await MakeAsync(host.As(fresh, permissions: Permissions.TelemetryRead));
        await Sql.RunAsync(host.Database.ForSuperuser(), $"UPDATE stream_tickets SET expires_at = now() - interval '1 second' WHERE tenant_id = '{old}'");
        await host.Services.GetServices<IHostedService>().OfType<Cleaner>().Single().CleanAsync(Cancellation);
        Assert.Equal(0, await Sql.CountAsync(host.Database.ForSuperuser(), $"stream_tickets WHERE tenant_id = '{old}'"));
        Assert.Equal(1, await Sql.CountAsync(host.Database.ForSuperuser(), $"stream_tickets WHERE tenant_id = '{fresh}'"));
    }

    private static async Task<JsonElement> MakeAsync(HttpClient client) =>
        await Envelope.CreatedAsync(await client.PostAsync(Path, null, Cancellation));

    private static string TextOf(JsonElement ticket) => ticket.GetProperty("ticket").GetString()!;

    private static byte[] HashOf(string text) => SHA256.HashData(Encoding.ASCII.GetBytes(text));

    private Task<HttpResponseMessage> RedeemAsync(string text)
    {
        var gateway = host.Direct();
        gateway.DefaultRequestHeaders.Add("X-EasySmart-Service-Key", IdentityHost.ServiceKey);
        return RedeemAsync(text, gateway);
    }

    private static Task<HttpResponseMessage> RedeemAsync(string text, HttpClient client) =>
        client.PostAsJsonAsync("/internal/stream-tickets/redeem", new { hash = HashOf(text) }, Cancellation);
}
