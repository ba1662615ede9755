using System.Text;
using EasySmart.Hosting;
using EasySmart.Ingestion.Batches;
using Microsoft.Extensions.DependencyInjection;

namespace EasySmart.Ingestion.Tests;

/// <summary>
/// Messages without a time of their own that arrived in the same microsecond with the same value: two, when two instances took them, and one,
/// when the answer to its first commit was lost.
/// </summary>
public sealed class InDoubtTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_committed_without_an_answer_is_not_stored_again_and_what_merely_looks_like_it_is()
    {
        await using var host = await new ScriptedHost().StartAsync();
        var device = host.Owner.Put(Guid.CreateVersion7());
        await host.Wire.DeliverAsync(1, device.Topic(), "0");
        await Eventually.TrueAsync(() => Task.FromResult(host.Wire.Acknowledged.Count == 1));
        await WriteAsync(inDoubt: false);
        Assert.Equal(2, await host.ReadingsOfAsync(device));
        await WriteAsync(inDoubt: true);
        Assert.Equal(2, await host.ReadingsOfAsync(device));
        await WriteAsync(inDoubt: false);
        Assert.Equal("0 1 1", await host.ScalarAsync<string>("SELECT string_agg(payload::text, ' ' ORDER BY payload::text) FROM readings"));

        async Task WriteAsync(bool inDoubt)
        {
            var message = new Message(device.Topic(), Encoding.UTF8.GetBytes("1"), new Source()) { ReceivedAt = 1_700_000_000_000_000, InDoubt = inDoubt };
            Intake.ReadTopic(message);
            Assert.True(host.Services.GetRequiredService<Intake>().TryDecide(message));
            await host.Services.GetRequiredService<BatchWriter>().WriteAsync([message], Cancellation);
        }
    }

    [Fact]
    public async Task A_commit_that_fails_leaves_its_messages_in_doubt()
    {
        await using var host = await new ScriptedHost().StartAsync();
        var device = host.Owner.Put(Guid.CreateVersion7());
        await using var owner = Npgsql.NpgsqlDataSource.Create(host.Database.ForSuperuser());
        await host.Wire.DeliverAsync(1, device.Topic(), "0");
        await Eventually.TrueAsync(() => Task.FromResult(host.Wire.Acknowledged.Count == 1));
        await FailingCommits.BeginAsync(owner, "true");
        var message = new Message(device.Topic(), Encoding.UTF8.GetBytes("1"), new Source()) { ReceivedAt = 1_700_000_000_000_000 };
        Intake.ReadTopic(message);
        Assert.True(host.Services.GetRequiredService<Intake>().TryDecide(message));
        var written = host.Services.GetRequiredService<BatchWriter>().WriteAsync([message], Cancellation);
        await Eventually.TrueAsync(() => Task.FromResult(message.InDoubt));
        await FailingCommits.EndAsync(owner);
        await written;
        Assert.Equal(2, await host.ReadingsOfAsync(device));
    }

    private sealed class Source : IMessageSource
    {
        public ValueTask CommittedAsync(IReadOnlyList<Message> messages) => ValueTask.CompletedTask;
    }
}
