using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Polly;

namespace EasySmart.ServiceDefaults.Postgres;

/// <summary>
/// Runs before everything else at start. Waits for the database and for the newest migration that this build knows; refuses to start
/// with a role to which row-level security would not apply.
/// </summary>
internal sealed partial class DatabaseGate(NpgsqlDataSource callers, NpgsqlDataSource? system, Migrations? migrations, ILogger<DatabaseGate> logger)
    : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await new ResiliencePipelineBuilder().AddRetry(new()
        {
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            Delay = TimeSpan.FromMilliseconds(250),
            MaxDelay = TimeSpan.FromSeconds(5),
            ShouldHandle = new PredicateBuilder().Handle<NotMigratedException>().Handle<Exception>(Transient.Is),
            OnRetry = attempt =>
            {
                LogWaiting(attempt.Outcome.Exception!.Message);
                return ValueTask.CompletedTask;
            },
        }).Build().ExecuteAsync(async cancellation => await CheckAsync(cancellation), cancellationToken);
    }

    private async Task CheckAsync(CancellationToken cancellation)
    {
        await RefuseUnsafeRoleAsync(callers, mayBypass: false, cancellation);
        if (system is not null)
        {
            await RefuseUnsafeRoleAsync(system, mayBypass: true, cancellation);
        }

        if (migrations is not null && await migrations.MissingAsync(callers, cancellation) is { } missing)
        {
            throw new NotMigratedException($"migration {missing} is not applied yet (run the `migrate` command)");
        }
    }

    private static async Task RefuseUnsafeRoleAsync(NpgsqlDataSource source, bool mayBypass, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(
            """
            SELECT rolname, rolsuper, rolbypassrls,
                   EXISTS (SELECT FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm') AND pg_has_role(r.oid, c.relowner, 'MEMBER')) AS owns
            FROM pg_roles r WHERE rolname = current_user
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        var (role, super, bypass, owns) = (reader.GetString(0), reader.GetBoolean(1), reader.GetBoolean(2), reader.GetBoolean(3));
        if (super || owns || (bypass && !mayBypass))
        {
            throw new UnsafeRoleException(
                $"Refusing to start: database role \"{role}\" {(super ? "is a superuser" : owns ? "owns tables" : "bypasses row-level security")}, "
                + "so tenants would not be kept apart. Pass the runtime role in ConnectionStrings.");
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Information, Message = "Waiting for the database: {Reason}")]
    private partial void LogWaiting(string reason);

    private sealed class NotMigratedException(string message) : Exception(message);

    private sealed class UnsafeRoleException(string message) : Exception(message);
}
