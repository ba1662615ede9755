using System.Net.Http.Json;
using EasySmart.Hosting;
using EasySmart.Identity.Throttling;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.Identity.Tests;

/// <summary>Limits that a restart does not lift and that hold across instances. Each test has a database of its own, since they count by address.</summary>
public sealed class ThrottleTests
{
    private static readonly Caller Here = new(CallerKind.Anonymous, null, null, null, null, [], "", "203.0.113.7", null);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_address_has_its_attempts_across_instances_and_restarts()
    {
        await using var database = await IdentityHost.MigratedDatabaseAsync();
        await using var other = await StartAsync(database, "RateLimits:Auth:PermitLimit", "4");
        await using (var first = await StartAsync(database, "RateLimits:Auth:PermitLimit", "4"))
        {
            await Envelope.AssertAsync(await new Person(first).LoginAsync(), 401, "unauthorized");
            await Envelope.AssertAsync(await new Person(first).LoginAsync(), 401, "unauthorized");
        }

        await using var restarted = await StartAsync(database, "RateLimits:Auth:PermitLimit", "4");
        await Envelope.AssertAsync(await new Person(other).LoginAsync(), 401, "unauthorized");
        await Envelope.AssertAsync(await new Person(other).PostAsync("/auth/refresh", new { refresh_token = "x" }), 401, "unauthorized");
        using var answer = await new Person(restarted).LoginAsync();
        var details = (await Envelope.AssertAsync(answer, 429, "rate_limited")).GetProperty("details");
        Assert.Equal(["limit", "max", "used", "window_seconds"], details.EnumerateObject().Select(f => f.Name));
        Assert.Equal("auth", details.GetProperty("limit").GetString());
        Assert.Equal((4, 4, 60), (details.GetProperty("max").GetInt32(), details.GetProperty("used").GetInt32(), details.GetProperty("window_seconds").GetInt32()));
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);

        // Refused again, it leaves one record and not two.
        await Envelope.AssertAsync(await new Person(restarted).LoginAsync(), 429, "rate_limited");
        Assert.Equal(1, await Sql.CountAsync(database.ForSuperuser(), "outbox WHERE body ->> 'EventType' = 'auth.throttled'"));

        // Another address is not held up.
        await Envelope.AssertAsync(await FromAsync(restarted, "2001:db8:1:2::1"), 401, "unauthorized");
        // The window passes.
        await Sql.RunAsync(database.ForSuperuser(), "UPDATE throttles SET window_ends = now()");
        await Envelope.AssertAsync(await new Person(restarted).LoginAsync(), 401, "unauthorized");
    }

    [Fact]
    public async Task A_whole_IPv6_network_counts_as_one_address()
    {
        await using var database = await IdentityHost.MigratedDatabaseAsync();
        await using var host = await StartAsync(database, "RateLimits:Auth:PermitLimit", "1");
        await Envelope.AssertAsync(await FromAsync(host, "2001:db8:1:2::1"), 401, "unauthorized");
        await Envelope.AssertAsync(await FromAsync(host, "2001:db8:1:2:ffff::7"), 429, "rate_limited");
        await Envelope.AssertAsync(await FromAsync(host, "2001:db8:1:3::1"), 401, "unauthorized");
    }

    [Fact]
    public async Task Failures_for_an_e_mail_grow_the_delay_for_this_address_and_no_other()
    {
        await using var database = await IdentityHost.MigratedDatabaseAsync();
        await using var host = await StartAsync(database, "RateLimits:AuthEmail:PermitLimit", "3");
        await using var scope = host.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<SystemContext<IdentityDb>>().Value;
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var throttles = new Throttles(new ThrottleLimits(host.Services.GetRequiredService<IConfiguration>()), clock);
        var delays = new List<double>();
        for (var failure = 1; failure <= 15; failure++)
        {
            Assert.Null(await throttles.RefuseAsync(db, Here, "ana@example.com", Cancellation));
            await throttles.FailedAsync(db, Here, "ana@example.com", Cancellation);
            delays.Add(await throttles.RefuseAsync(db, Here, "ana@example.com", Cancellation) is { RetryAfter: { } wait } ? wait : 0);
            clock.Advance(TimeSpan.FromMinutes(15));
        }

        Assert.Equal([0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900], delays);

        // Over HTTP: the right password too has to wait, from here.
        var (person, _) = await Person.RegisteredAsync(host);
        var now = host.Services.GetRequiredService<Throttles>();
        for (var failure = 1; failure <= 12; failure++)
        {
            await now.FailedAsync(db, Here, person.Email, Cancellation);
        }

        var envelope = await Envelope.AssertAsync(await person.LoginAsync(), 429, "rate_limited");
        Assert.Equal("auth_email_failures", envelope.GetProperty("details").GetProperty("limit").GetString());

        // Who sits elsewhere gets in, whoever guesses here.
        using var elsewhere = host.Anonymous();
        elsewhere.DefaultRequestHeaders.Remove("X-EasySmart-Client-IP");
        elsewhere.DefaultRequestHeaders.Add("X-EasySmart-Client-IP", "198.51.100.1");
        await Person.OkAsync(await elsewhere.PostAsJsonAsync("/auth/login", new { email = person.Email, password = Person.Password }, Cancellation));

        // A success ends it.
        await Throttles.SucceededAsync(db, Here, person.Email, Cancellation);
        await Person.OkAsync(await person.LoginAsync());
    }

    [Fact]
    public async Task An_address_makes_so_many_accounts_a_day()
    {
        await using var database = await IdentityHost.MigratedDatabaseAsync();
        await using var host = await StartAsync(database, "RateLimits:Registrations:PermitLimit", "2");
        var (person, _) = await Person.RegisteredAsync(host);
        // One that makes no account is not counted.
        await Envelope.AssertAsync(await person.RegisterAsync(), 409, "conflict");
        await Person.RegisteredAsync(host);
        using var answer = await new Person(host).RegisterAsync();
        var details = (await Envelope.AssertAsync(answer, 429, "rate_limited")).GetProperty("details");
        Assert.Equal(1, await Sql.CountAsync(database.ForSuperuser(), "outbox WHERE body ->> 'EventType' = 'auth.throttled'"));
        Assert.Equal(("registrations", 86_400), (details.GetProperty("limit").GetString(), details.GetProperty("window_seconds").GetInt32()));
        Assert.Equal(2, await Sql.CountAsync(database.ForSuperuser(), "tenants"));
        await Person.OkAsync(await person.LoginAsync());
    }

    private static async Task<IdentityHost> StartAsync(TestDatabase database, string key, string value)
    {
        var host = IdentityHost.Beside(database, (key, value));
        await host.InitializeAsync();
        return host;
    }

    private static Task<HttpResponseMessage> FromAsync(IdentityHost host, string address)
    {
        var client = host.Anonymous();
        client.DefaultRequestHeaders.Remove("X-EasySmart-Client-IP");
        client.DefaultRequestHeaders.Add("X-EasySmart-Client-IP", address);
        return client.PostAsJsonAsync("/auth/login", new { email = "nobody@example.com", password = "x" }, Cancellation);
    }
}
