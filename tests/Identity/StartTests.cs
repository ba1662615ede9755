using System.Security.Cryptography;
using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

/// <summary>What the service refuses to start with, and what it does while its database is away.</summary>
public sealed class StartTests(IdentityHost shared)
{
    public static TheoryData<string, string?> WrongSettings => new()
    {
        { "ConnectionStrings:Database", null },
        { "ConnectionStrings:DatabaseSystem", null },
        { "ConnectionStrings:RabbitMq", null },
        { "Identity:SigningKey", null },
        { "Identity:SigningKey", "not base64" },
        { "Identity:SigningKey", KeyOnAnotherCurve() },
        { "Identity:Registration", "maybe" },
        { "Identity:WebhookApiKey", "esk_short" },
        { "Idempotency:Key", null },
        { "Idempotency:Key", "not base64" },
        { "Identity:AccessTokenSeconds", "0" },
        { "Identity:SuperAdmin:Password", "Feeble" },
        { "Identity:VerificationKeys:0", "not base64" },
        { "Internal:ServiceKey", null },
        { "RateLimits:Auth:PermitLimit", "0" },
        { "RateLimits:AuthEmail:WindowSeconds", "0" },
    };

    [Theory]
    [MemberData(nameof(WrongSettings))]
    public async Task A_missing_or_wrong_setting_is_refused_by_its_name(string key, string? value)
    {
        await using var host = IdentityHost.Beside(shared.Database, (key, value));
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await host.InitializeAsync());
        Assert.Contains(key, failure.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Feeble", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Half_a_super_admin_is_refused()
    {
        await using var host = IdentityHost.Beside(shared.Database, ("Identity:SuperAdmin:Email", "admin@easysmart.example"));
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await host.InitializeAsync());
        Assert.Contains("Identity:SuperAdmin:Password", failure.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ConnectionStrings:Database", "identity_owner")]
    [InlineData("ConnectionStrings:DatabaseSystem", "identity_owner")]
    [InlineData("ConnectionStrings:Database", "identity_system")]
    public async Task A_role_that_would_not_keep_tenants_apart_is_refused(string key, string role)
    {
        await using var host = IdentityHost.Beside(shared.Database, (key, shared.Database.For(role)));
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await host.InitializeAsync());
        Assert.Contains("Refusing to start", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_the_database_is_away_it_is_not_ready_and_then_it_is()
    {
        await using var host = IdentityHost.Beside();
        await host.InitializeAsync();
        await ReadyAsync(200);
        await host.Database.SetReachableAsync(false);
        await ReadyAsync(503);
        await Envelope.AssertAsync(await new Person(host).RegisterAsync(), 503, "service_unavailable");
        await host.Database.SetReachableAsync(true);
        await ReadyAsync(200);
        await Person.RegisteredAsync(host);

        Task ReadyAsync(int status) => Eventually.TrueAsync(async () =>
            (int)(await host.Direct().GetAsync("/health/ready", TestContext.Current.CancellationToken)).StatusCode == status);
    }

    private static string KeyOnAnotherCurve()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        return Convert.ToBase64String(key.ExportPkcs8PrivateKey());
    }
}
