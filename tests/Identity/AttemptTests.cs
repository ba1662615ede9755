using System.Diagnostics.Metrics;
using EasySmart.Hosting;
using EasySmart.Identity.Passwords;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.Identity.Tests;

/// <summary>On a host of its own: it counts, and its limit is the one that holds where nothing is configured.</summary>
public sealed class AttemptTests
{
    [Fact]
    public async Task Every_login_costs_one_Argon2_run_whether_or_not_the_account_exists()
    {
        await using var host = IdentityHost.Beside();
        await host.InitializeAsync();
        using var runs = new Counted(host.Services.GetRequiredService<IMeterFactory>());
        var (person, _) = await Person.RegisteredAsync(host);
        Assert.Equal(1, runs.Take());
        await person.LoginAsync();
        Assert.Equal(1, runs.Take());
        await person.LoginAsync("Wr0ng-horse");
        Assert.Equal(1, runs.Take());
        await new Person(host).LoginAsync();
        Assert.Equal(1, runs.Take());
        await new Person(host) { Email = "nobody" }.LoginAsync();
        Assert.Equal(1, runs.Take());
        await person.ChangeAsync("status = 'suspended'");
        await person.LoginAsync();
        Assert.Equal(1, runs.Take());
    }

    [Fact]
    public async Task Ten_attempts_for_one_address_then_429()
    {
        await using var host = IdentityHost.Beside(null, ("RateLimits:AuthEmail:PermitLimit", null), ("RateLimits:AuthEmail:WindowSeconds", "3600"));
        await host.InitializeAsync();
        var (person, _) = await Person.RegisteredAsync(host);
        for (var attempt = 2; attempt <= 10; attempt++)
        {
            await Envelope.AssertAsync(await person.LoginAsync("Wr0ng-horse"), 401, "unauthorized");
        }

        using var runs = new Counted(host.Services.GetRequiredService<IMeterFactory>());
        using var answer = await new Person(host) { Email = person.Email.ToUpperInvariant() }.LoginAsync();
        var envelope = await Envelope.AssertAsync(answer, 429, "rate_limited");
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 3600);
        var details = envelope.GetProperty("details");
        Assert.Equal(["limit", "max", "used", "window_seconds"], details.EnumerateObject().Select(f => f.Name));
        Assert.Equal("auth_email", details.GetProperty("limit").GetString());
        Assert.Equal(10, details.GetProperty("max").GetInt32());
        Assert.Equal(3600, details.GetProperty("window_seconds").GetInt32());
        Assert.Equal(0, runs.Take());
        await Envelope.AssertAsync(await person.RegisterAsync(), 429, "rate_limited");

        // Another e-mail from the same address is not held up.
        await Person.RegisteredAsync(host);
    }

    private sealed class Counted : IDisposable
    {
        private readonly MeterListener _listener = new();
        private long _count;

        public Counted(IMeterFactory meters)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == PasswordHasher.Runs && ReferenceEquals(instrument.Meter.Scope, meters))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref _count, value));
            _listener.Start();
        }

        public long Take() => Interlocked.Exchange(ref _count, 0);

        public void Dispose() => _listener.Dispose();
    }
}
