using System.Globalization;
using EasySmart.Contracts.Identity;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Messaging;
using EasySmart.ServiceDefaults.Postgres;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace EasySmart.ServiceDefaults.Tests;

/// <summary>An event takes effect exactly once, in order, whatever happens between commit and effect.</summary>
[Collection("RabbitMQ is cut off here")]
public sealed class MessagingTests(SampleService sample)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private NpgsqlDataSource Database => sample.App.Services.GetRequiredKeyedService<NpgsqlDataSource>(DataSources.System);

    [Fact]
    public async Task An_event_is_published_if_and_only_if_its_change_is_committed()
    {
        var (kept, dropped) = (New(), New());
        await CommitAsync(kept);
        await using (var connection = await Database.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await connection.BeginTransactionAsync(Cancellation);
            await transaction.PublishAsync(dropped, "", Cancellation);
            await transaction.RollbackAsync(Cancellation);
        }

        var last = New();
        await CommitAsync(last);
        await TookEffectOnceAsync(kept, last);
        Assert.Equal(0, await EffectsAsync(dropped));
    }

    [Fact]
    public async Task A_callers_context_publishes_too()
    {
        var @event = New();
        await using (var scope = sample.App.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<NotesDb>();
            await using var transaction = await db.Database.BeginTenantAsync(@event.TenantId, Cancellation);
            db.Add(new Note(Guid.NewGuid(), @event.TenantId, Guid.NewGuid().ToString()));
            db.Publish(@event);
            await db.SaveChangesAsync(Cancellation);
            await transaction.CommitAsync(Cancellation);
        }

        await TookEffectOnceAsync(@event);
    }

    [Fact]
    public async Task A_repeated_delivery_takes_effect_once()
    {
        var @event = New();
        var bus = sample.App.Services.GetRequiredService<IBus>();
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => bus.Publish(@event, Cancellation)));
        var last = New();
        await CommitAsync(last);
        await TookEffectOnceAsync(@event, last);
    }

    [Fact]
    public async Task A_crash_between_publish_and_delete_repeats_the_event_without_a_second_effect()
    {
        var @event = New();
        await using var superuser = NpgsqlDataSource.Create(sample.Database.ForSuperuser());
        await using var connection = await superuser.OpenConnectionAsync(Cancellation);
        await using (var hold = await connection.BeginTransactionAsync(Cancellation))
        {
            sample.Rabbit.Cut();
            try
            {
                await CommitAsync(@event);
                // Lets the dispatcher read and publish, and holds it at its DELETE.
                await using var @lock = new NpgsqlCommand("LOCK TABLE outbox IN EXCLUSIVE MODE", connection);
                await @lock.ExecuteNonQueryAsync(Cancellation);
            }
            finally
            {
                sample.Rabbit.Mend();
            }

            await Eventually.TrueAsync(async () => await EffectsAsync(@event) == 1, seconds: 60);
            await Eventually.TrueAsync(async () => await EndBackendAtDeleteAsync(superuser));
            await hold.RollbackAsync(Cancellation);
        }

        await OutboxIsEmptyAsync();
        var last = New();
        await CommitAsync(last);
        await TookEffectOnceAsync(@event, last);
    }

    [Fact]
    public async Task While_RabbitMQ_is_away_events_wait_and_the_service_stays_ready()
    {
        var events = Enumerable.Range(0, 300).Select(_ => New()).ToArray();
        sample.Rabbit.Cut();
        try
        {
            foreach (var @event in events)
            {
                await CommitAsync(@event);
            }

            await ReadyButDegradedAsync();
        }
        finally
        {
            sample.Rabbit.Mend();
        }

        await Eventually.TrueAsync(async () => await EffectsAsync(events) == events.Length, seconds: 90);
        await OutboxIsEmptyAsync();
        Assert.Equal(events.Length, await EffectsAsync(events));
    }

    [Fact]
    public async Task An_event_that_fails_while_RabbitMQ_is_away_does_not_hide_that_it_is_away()
    {
        var (held, next) = (New() with { RequestId = "held" }, New());
        var before = await SetAsideAsync();
        await CommitAsync(held);
        await RecordEffect.Holding.WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
        sample.Rabbit.Cut();
        try
        {
            await CommitAsync(next);
            RecordEffect.LetGo();
            await ReadyButDegradedAsync();
        }
        finally
        {
            RecordEffect.LetGo();
            sample.Rabbit.Mend();
        }

        await TookEffectOnceAsync(next);
        // It comes again, fails again, and is not lost.
        await Eventually.TrueAsync(async () => await SetAsideAsync() > before);
        Assert.Equal(0, await EffectsAsync(held));
    }

    [Fact]
    public async Task Events_of_one_key_arrive_in_the_order_of_their_commits()
    {
        var tenants = Enumerable.Range(0, 5).Select(_ => Guid.NewGuid()).ToArray();
        await using var probe = new EventProbe(sample, "test-defaults").On<TenantCreated>();
        await probe.StartAsync();
        for (var i = 0; i < 200; i++)
        {
            await CommitAsync(New() with { TenantId = tenants[i % 5], RequestId = i.ToString(CultureInfo.InvariantCulture) });
        }

        await Eventually.TrueAsync(() =>
            Task.FromResult(probe.All<TenantCreated>(e => tenants.Contains(e.TenantId)).DistinctBy(e => e.EventId).Count() == 200));
        foreach (var tenant in tenants)
        {
            var order = probe.All<TenantCreated>(e => e.TenantId == tenant).DistinctBy(e => e.EventId)
                .Select(e => int.Parse(e.RequestId!, CultureInfo.InvariantCulture)).ToArray();
            Assert.Equal(order.Order(), order);
        }
    }

    [Fact]
    public async Task A_poisoned_event_is_set_aside_and_does_not_block_the_next()
    {
        var (poison, next) = (New() with { RequestId = "poison" }, New());
        var before = await SetAsideAsync();
        await CommitAsync(poison);
        await CommitAsync(next);
        await TookEffectOnceAsync(next);
        await Eventually.TrueAsync(async () =>
            (await sample.Direct().GetStringAsync("/metrics", Cancellation)).Contains("events_poisoned_total", StringComparison.Ordinal));
        await Eventually.TrueAsync(async () => await SetAsideAsync() > before);
        Assert.Equal(0, await EffectsAsync(poison));
    }

    /// <summary>How many events are in the service's error queue; 0 while it has none.</summary>
    private static async Task<uint> SetAsideAsync()
    {
        await using var connection = await new ConnectionFactory { Uri = new(TestServers.RabbitMq("test-defaults")) }.CreateConnectionAsync(Cancellation);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Cancellation);
        try
        {
            return await channel.MessageCountAsync("sample.tenant-created_error", Cancellation);
        }
        catch (OperationInterruptedException)
        {
            return 0;
        }
    }

    private Task ReadyButDegradedAsync() => Eventually.TrueAsync(async () =>
    {
        using var answer = await sample.Direct().GetAsync("/health/ready", Cancellation);
        var body = await answer.Content.ReadAsStringAsync(Cancellation);
        return answer.IsSuccessStatusCode && body.Contains("\"degraded\"", StringComparison.Ordinal)
            && body.Contains("\"rabbitmq\":\"error\"", StringComparison.Ordinal);
    }, seconds: 60);

    private static TenantCreated New() => new() { TenantId = Guid.NewGuid(), OccurredAt = DateTimeOffset.UtcNow };

    private async Task CommitAsync(TenantCreated @event)
    {
        await using var connection = await Database.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTransactionAsync(Cancellation);
        await transaction.PublishAsync(@event, @event.TenantId.ToString(), Cancellation);
        await transaction.CommitAsync(Cancellation);
    }

    private async Task TookEffectOnceAsync(params TenantCreated[] events)
    {
        await Eventually.TrueAsync(async () => await EffectsAsync(events) >= events.Length, seconds: 60);
        Assert.Equal(events.Length, await EffectsAsync(events));
    }

    private async Task<long> EffectsAsync(params TenantCreated[] events)
    {
        await using var count = Database.CreateCommand("SELECT count(*) FROM effects WHERE event_id = ANY($1)");
        count.Parameters.Add(new() { Value = events.Select(e => e.EventId).ToArray() });
        return (long)(await count.ExecuteScalarAsync(Cancellation))!;
    }

    private Task OutboxIsEmptyAsync() => Eventually.TrueAsync(async () =>
    {
        await using var count = Database.CreateCommand("SELECT count(*) FROM outbox");
        return await count.ExecuteScalarAsync(Cancellation) is 0L;
    });

    private async Task<bool> EndBackendAtDeleteAsync(NpgsqlDataSource superuser)
    {
        await using var kill = superuser.CreateCommand(
            $"""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = '{sample.Database.Name}' AND query LIKE 'DELETE FROM outbox%' AND wait_event_type = 'Lock'
            """);
        return await kill.ExecuteScalarAsync(Cancellation) is true;
    }
}
