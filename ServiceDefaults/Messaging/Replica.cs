using System.Net.Http.Json;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EasySmart.ServiceDefaults.Messaging;

/// <summary>A table that follows what another service owns, and where that service tells the whole of it.</summary>
/// <typeparam name="TState">One row, as the owner answers it.</typeparam>
/// <param name="Name">What is in it, in the plural; for logs.</param>
/// <param name="AddressKey">Configuration key of the owner's address.</param>
/// <param name="Path">The owner's internal endpoint, which takes <c>after</c> and <c>limit</c>; an empty page is the end.</param>
/// <param name="Start">The <c>after</c> of the first page.</param>
/// <param name="PlaceOf">The <c>after</c> of the page that follows a row.</param>
/// <param name="ApplyAsync">Takes a row over unless the replica holds a newer one; what the events' handler does.</param>
public sealed record Replica<TState>(
    string Name,
    string AddressKey,
    string Path,
    string Start,
    Func<TState, string> PlaceOf,
    Func<TState, NpgsqlTransaction, CancellationToken, Task> ApplyAsync);

/// <summary>Replicas that are filled from their owner.</summary>
public static class ReplicaExtensions
{
    /// <summary>Fills the replica at every start, once its owner answers. Needs <c>AddPostgres</c> with a system data source and the service key.</summary>
    public static void AddReplica<TState>(this IHostApplicationBuilder builder, Replica<TState> replica) => builder.AddReplica(_ => replica);

    /// <summary>The same, of a replica that needs other services.</summary>
    public static void AddReplica<TState>(this IHostApplicationBuilder builder, Func<IServiceProvider, Replica<TState>> replica)
    {
        builder.Services.AddHttpClient();
        builder.Services.AddSingleton(replica);
        builder.Services.AddSingleton<ReplicaOwner<TState>>();
        builder.Services.AddHostedService<ReplicaRebuild<TState>>();
    }
}

/// <summary>
/// Fills a replica from its owner at every start: one that only looks filled (an event came, and the service went down before the rest)
/// is filled too. What changes meanwhile arrives as events, and versions keep the two from disturbing each other. The owner may be away:
/// the service works on and asks again.
/// </summary>
internal sealed partial class ReplicaRebuild<TState>(
    Replica<TState> replica,
    [FromKeyedServices(DataSources.System)] NpgsqlDataSource database,
    IHttpClientFactory clients,
    IConfiguration configuration,
    TimeProvider clock,
    ILogger<ReplicaRebuild<TState>> logger) : BackgroundService
{
    private const int PageSize = 1000;
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (configuration[replica.AddressKey] is not { Length: > 0 } address)
        {
            LogNoAddress(replica.AddressKey, replica.Name);
            return;
        }

        var pause = TimeSpan.FromMilliseconds(500);
        while (true)
        {
            try
            {
                await RebuildAsync(new Uri(address), stoppingToken);
                return;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(replica.Name, exception.Message);
            }

            await Task.Delay(pause, clock, stoppingToken);
            pause = pause * 2 < MaxPause ? pause * 2 : MaxPause;
        }
    }

    private async Task RebuildAsync(Uri address, CancellationToken cancellation)
    {
        using var client = clients.CreateClient();
        client.Timeout = TimeSpan.FromSeconds(10);
        ServiceKey.AddTo(client, configuration);
        var (after, count) = (replica.Start, 0);
        while (true)
        {
            var page = await client.GetFromJsonAsync<TState[]>(
                new Uri(address, $"{replica.Path}?after={after}&limit={PageSize}"), Json.Options, cancellation) ?? [];
            if (page.Length == 0)
            {
                break;
            }

            await ApplyAsync(page, cancellation);
            after = replica.PlaceOf(page[^1]);
            count += page.Length;
        }

        LogRebuilt(replica.Name, count);
    }

    private async Task ApplyAsync(TState[] page, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        foreach (var state in page)
        {
            await replica.ApplyAsync(state, transaction, cancellation);
        }

        await transaction.CommitAsync(cancellation);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Key} is not configured: {Replica} are known from events only")]
    private partial void LogNoAddress(string key, string replica);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica of {Replica} is not filled yet, trying again: {Reason}")]
    private partial void LogLater(string replica, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The replica of {Replica} was filled from its owner: {Count}")]
    private partial void LogRebuilt(string replica, int count);
}
