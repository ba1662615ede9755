using System.Net;
using System.Net.Http.Json;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Postgres;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EasySmart.ServiceDefaults.Messaging;

/// <summary>The owner of what a replica follows, asked about one row that the replica has not been told of: the event may still be on its way.</summary>
/// <typeparam name="TState">One row, as the owner answers it.</typeparam>
public sealed class ReplicaOwner<TState>(
    Replica<TState> replica, [FromKeyedServices(DataSources.System)] NpgsqlDataSource database, IHttpClientFactory clients, IConfiguration configuration)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    /// <summary>Null when the owner knows none either, or when there is no owner to ask (its address is not configured).</summary>
    /// <param name="id">The row's id, which the owner takes below the replica's path.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="TimeoutException">The owner did not answer in time.</exception>
    /// <exception cref="HttpRequestException">The owner is away or failed.</exception>
    public async Task<TState?> FindAsync(Guid id, CancellationToken cancellation)
    {
        if (configuration[replica.AddressKey] is not { Length: > 0 } address)
        {
            return default;
        }

        using var client = clients.CreateClient();
        ServiceKey.AddTo(client, configuration);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(s_patience);
        try
        {
            using var answer = await client.GetAsync(new Uri(new Uri(address), $"{replica.Path}/{id}"), patience.Token);
            return answer.StatusCode == HttpStatusCode.NotFound
                ? default
                : await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<TState>(Json.Options, patience.Token);
        }
        catch (OperationCanceledException fault) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"The owner of the {replica.Name} did not say in time whether there is such a one", fault);
        }
    }

    /// <summary>Takes the row over, as its event would. False when <see cref="FindAsync"/> finds none.</summary>
    /// <inheritdoc cref="FindAsync"/>
    public async Task<bool> TryTakeOverAsync(Guid id, CancellationToken cancellation)
    {
        if (await FindAsync(id, cancellation) is not { } state)
        {
            return false;
        }

        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await replica.ApplyAsync(state, transaction, cancellation);
        await transaction.CommitAsync(cancellation);
        return true;
    }
}
