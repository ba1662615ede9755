using System.Diagnostics;
using EasySmart.Contracts.Ingestion;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace EasySmart.BillingQuota.Tests.Ledger;

/// <summary>The command as the operator runs it, and what is forgotten.</summary>
public sealed class VerifyCommandTests(BillingHost host)
{
    private static readonly DateTimeOffset Noon = new(2026, 2, 15, 12, 0, 0, TimeSpan.Zero);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_says_that_the_chain_holds_or_what_is_wrong_and_its_exit_code_says_so_too()
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon);
        await ledger.CountAsync(new UsageEntry(Guid.CreateVersion7(), Noon.AddHours(-2), 1, 1, 1));
        await ledger.KeepAsync();
        await ledger.KeepAtAsync(Noon.AddDays(1));
        var hash = await ledger.ReadAsync("SELECT encode(hash, 'hex') FROM ledger_days");
        Assert.Equal((0, $"1 days, 3 rows: the chain holds; 2026-02-15 is {hash}"), await VerifyAsync(ledger));
        await ledger.ExecuteAsync("ALTER TABLE usage_ledger DISABLE TRIGGER append_only; DELETE FROM usage_ledger WHERE seq = 2");
        Assert.Equal((1, "2026-02-15: row 2 is missing"), await VerifyAsync(ledger));
    }

    [Fact]
    public async Task Minutes_are_forgotten_after_a_day()
    {
        await using var ledger = await OwnLedger.BeginAsync(Noon);
        var tenant = Guid.CreateVersion7();
        await ledger.CountAsync(new UsageEntry(tenant, Noon.AddDays(-1).AddMinutes(-1), 1, 1, 1), new UsageEntry(tenant, Noon.AddDays(-1), 10, 1, 1));
        using var cleaner = new Cleaner(host.Services.GetServices<Outdated>(), ledger.System, ledger.Clock, NullLogger<Cleaner>.Instance);
        await cleaner.CleanAsync(Cancellation);
        Assert.Equal("10", await ledger.ReadAsync("SELECT sum(messages) FROM usage_minutes"));
        Assert.Equal("11", await ledger.BalanceAsync(tenant, "messages"));
    }

    private static async Task<(int ExitCode, string Says)> VerifyAsync(OwnLedger ledger)
    {
        using var command = Process.Start(new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, "verify"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["ConnectionStrings__DatabaseOwner"] = ledger.OwnerConnection },
        })!;
        var (output, errors) = (command.StandardOutput.ReadToEndAsync(Cancellation), command.StandardError.ReadToEndAsync(Cancellation));
        await command.WaitForExitAsync(Cancellation);
        return (command.ExitCode, (await output + await errors).Trim());
    }
}
