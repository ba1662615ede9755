using System.Diagnostics;
using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

/// <summary>The command, as an operator runs it: a process of its own.</summary>
public sealed class ResetPasswordTests(IdentityHost host)
{
    [Fact]
    public async Task Prints_a_new_password_and_ends_the_sessions()
    {
        var (person, session) = await Person.RegisteredAsync(host);
        var (exit, output, _) = await RunAsync(person.Email.ToUpperInvariant());
        Assert.Equal(0, exit);
        var password = output.TrimEnd('\n');
        Assert.DoesNotContain('\n', password);

        await Envelope.AssertAsync(await person.RefreshAsync(session), 401, "unauthorized");
        await Envelope.AssertAsync(await person.LoginAsync(), 401, "unauthorized");
        await Person.OkAsync(await person.LoginAsync(password));

        var record = await person.AuditedAsync("auth.password_reset", "success");
        Assert.Equal(("system", "warning"), (record["actor_type"], record["severity"]));
        Assert.DoesNotContain(password, string.Join('\n', record.Values), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nobody@example.com")]
    [InlineData("nobody")]
    [InlineData]
    public async Task Says_so_when_there_is_no_such_account(params string[] arguments)
    {
        var (exit, output, error) = await RunAsync(arguments);
        Assert.Equal((1, ""), (exit, output));
        Assert.Contains("No account has this e-mail address", error, StringComparison.Ordinal);
    }

    private async Task<(int Exit, string Output, string Error)> RunAsync(params string[] arguments)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var start = new ProcessStartInfo("dotnet", ["exec", typeof(Program).Assembly.Location, "reset-password", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = AppContext.BaseDirectory,
        };
        start.Environment["ConnectionStrings__DatabaseSystem"] = host.Database.For("identity_system");
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(cancellation), process.StandardError.ReadToEndAsync(cancellation));
        await process.WaitForExitAsync(cancellation);
        return (process.ExitCode, await output, await error);
    }
}
