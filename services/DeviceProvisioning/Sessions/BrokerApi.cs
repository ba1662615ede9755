using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using EasySmart.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace EasySmart.DeviceProvisioning.Sessions;

/// <summary>The broker's management API, as EMQX 5.8 has it; the local broker has the part that is used here.</summary>
public sealed class BrokerApi(IHttpClientFactory clients, IOptions<BrokerApiOptions> options)
{
    private const int PageSize = 1000;
    private const int AtOnce = 16;

    // A session that a change owes an end has two seconds; who does not answer is asked again.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>All sessions.</summary>
    public IAsyncEnumerable<BrokerClient> ListAsync(CancellationToken cancellation) => ListAsync($"fields={BrokerClient.Fields}", cancellation);

    /// <summary>The sessions of these user names.</summary>
    public IAsyncEnumerable<BrokerClient> OfAsync(IEnumerable<string> usernames, CancellationToken cancellation) => ListAsync(
        $"fields={BrokerClient.Fields}&{string.Join('&', usernames.Select(name => $"username={Uri.EscapeDataString(name)}"))}", cancellation);

    /// <summary>Ends sessions and their connections. One that is not there has ended.</summary>
    /// <returns>Those that have ended, and why others have not.</returns>
    public async Task<(HashSet<string> Ended, Exception? Fault)> EndAsync(IEnumerable<string> clientIds, CancellationToken cancellation)
    {
        var (ended, faults) = (new ConcurrentQueue<string>(), new ConcurrentQueue<Exception>());
        var all = clientIds.ToArray();
        // In another order each time: where many fail, the broker is taken to be away, and the rest is left for later.
        Random.Shared.Shuffle(all);
        await Parallel.ForEachAsync(
            all.TakeWhile(_ => faults.Count <= ended.Count + AtOnce),
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation },
            async (clientId, stopping) =>
            {
                try
                {
                    await EndAsync(clientId, stopping);
                    ended.Enqueue(clientId);
                }
                catch (Exception exception) when (!cancellation.IsCancellationRequested)
                {
                    faults.Enqueue(exception);
                }
            });
        return (ended.ToHashSet(StringComparer.Ordinal), faults.FirstOrDefault());
    }

    private async Task EndAsync(string clientId, CancellationToken cancellation)
    {
        using var client = Client();
        using var answer = await client.DeleteAsync($"/api/v5/clients/{Uri.EscapeDataString(clientId)}", cancellation);
        if (answer.StatusCode != HttpStatusCode.NotFound)
        {
            answer.EnsureSuccessStatusCode();
        }
    }

    private async IAsyncEnumerable<BrokerClient> ListAsync(string query, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var client = Client();
        var more = true;
        for (var number = 1; more; number++)
        {
            var page = await client.GetFromJsonAsync<BrokerClientPage>(
                $"/api/v5/clients?{query}&page={number}&limit={PageSize}", Json.Options, cancellation)
                ?? throw new HttpRequestException("The broker's list of clients is null");
            foreach (var found in page.Data)
            {
                yield return found;
            }

            more = page.Meta.Hasnext;
        }
    }

    private HttpClient Client()
    {
        var client = clients.CreateClient(nameof(BrokerApi));
        client.BaseAddress = new Uri(options.Value.Url);
        client.Timeout = Patience;
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.Value.Key}:{options.Value.Secret}")));
        return client;
    }
}
