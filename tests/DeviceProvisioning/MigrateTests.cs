using System.Diagnostics;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>The command <c>migrate</c>, as a deployment runs it: a process with the owner's connection string and no other setting.</summary>
public sealed class MigrateTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Several_at_once_bring_an_empty_database_up_to_date()
    {
        await using var database = await TestDatabase.CreateAsync(TestServers.Platform, "devices_owner");
        var runs = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => MigrateAsync(database.For("devices_owner"))));
        Assert.All(runs, run => Assert.True(run.ExitCode == 0, run.Output));
        await using var source = NpgsqlDataSource.Create(database.For("devices_app"));
        await using var command = source.CreateCommand("SELECT count(*) FROM devices");
        Assert.Equal(0L, await command.ExecuteScalarAsync(Cancellation));
    }

    [Fact]
    public async Task Without_the_owner_it_fails_and_names_the_setting()
    {
        var (exitCode, output) = await MigrateAsync(null);
        Assert.NotEqual(0, exitCode);
        Assert.Contains("ConnectionStrings:DatabaseOwner", output, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output)> MigrateAsync(string? owner)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, "migrate"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        if (owner is not null)
        {
            start.Environment["ConnectionStrings__DatabaseOwner"] = owner;
        }

        using var process = Process.Start(start)!;
        var output = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(Cancellation), process.StandardError.ReadToEndAsync(Cancellation));
        await process.WaitForExitAsync(Cancellation);
        return (process.ExitCode, string.Concat(output));
    }
}
