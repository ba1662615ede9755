using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using EasySmart.BillingQuota.Quotas;
using EasySmart.Contracts.BillingQuota;
using EasySmart.Contracts.Identity;
using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.BillingQuota.Tests;

/// <summary>What tests do with a tenant of their own.</summary>
internal static class Tenants
{
    public const long Mb = 1_000_000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TenantCreated Created(Guid? tenant = null) => new()
    {
        TenantId = tenant ?? Guid.CreateVersion7(),
        OccurredAt = DateTimeOffset.UtcNow,
        RequestId = $"register-{Guid.NewGuid():N}",
    };

    /// <summary>A tenant whose plan has been published, and what differs from it.</summary>
    public static async Task<Guid> NewTenantAsync(this BillingHost host, string? change = null)
    {
        var created = Created();
        await host.Others.PublishAsync(created);
        await host.PublishedAsync(created.TenantId);
        if (change is not null)
        {
            await host.ChangeAsync(created.TenantId, change);
        }

        return created.TenantId;
    }

    public static Task PublishedAsync(this BillingHost host, Guid tenant, int times = 1) =>
        Eventually.TrueAsync(() => Task.FromResult(host.Published(tenant).Count >= times));

    /// <summary>What whoever enforces quotas was told, in the order of its coming.</summary>
    public static IReadOnlyList<TenantQuotaChanged> Published(this BillingHost host, Guid tenant) =>
        host.Others.All<TenantQuotaChanged>(e => e.TenantId == tenant);

    public static Task<HttpResponseMessage> PatchAsync(this HttpClient client, string path, string json) =>
        client.PatchAsync(path, new StringContent(json, Encoding.UTF8, "application/json"), Cancellation);

    /// <summary>Changes quotas as the operator. Returns the answer.</summary>
    public static async Task<JsonElement> ChangeAsync(this BillingHost host, Guid tenant, string json)
    {
        using var answer = await host.SuperAdmin().PatchAsync($"/tenants/{tenant}/quotas", json);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    public static Task<JsonElement> QuotasAsync(this BillingHost host, Guid tenant) =>
        host.SuperAdmin().GetFromJsonAsync<JsonElement>($"/tenants/{tenant}/quotas", Cancellation);

    /// <summary>As the handler of usage does.</summary>
    public static async Task StoreAsync(this BillingHost host, params (Guid Tenant, long Bytes)[] deltas)
    {
        await using var system = NpgsqlDataSource.Create(host.Database.For("billing_system"));
        await using var connection = await system.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTransactionAsync(Cancellation);
        await TenantStorage.AddAsync(transaction, deltas.ToDictionary(delta => delta.Tenant, delta => delta.Bytes), TimeProvider.System, Cancellation);
        await transaction.CommitAsync(Cancellation);
    }
}
