using EasySmart.TelemetryQuery.Limits;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>What exports, and aggregates from the readings, may take of a processor.</summary>
public sealed class HeavyReadsTests : IDisposable
{
    private static readonly TimeSpan Piece = TimeSpan.FromMilliseconds(50);
    private readonly FakeTimeProvider _clock = new();
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly HeavyReads _heavy;

    public HeavyReadsTests() => _heavy = new HeavyReads(Options.Create(new QueryLimitOptions { HeavyShare = 0.1, StatementSeconds = 10 }), _clock);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _heavy.Dispose();

    [Fact]
    public async Task In_the_long_run_an_export_works_its_share_of_the_time()
    {
        using var export = _heavy.BeginExport();
        Assert.InRange(await WorkedAsync(TimeSpan.FromMinutes(10), export), 60, 61);
    }

    [Fact]
    public async Task Exports_divide_the_share()
    {
        using var one = _heavy.BeginExport();
        using (var other = _heavy.BeginExport())
        {
            Assert.InRange(await WorkedAsync(TimeSpan.FromMinutes(10), one), 30, 31);
        }

        Assert.InRange(await WorkedAsync(TimeSpan.FromMinutes(10), one), 60, 61);
    }

    [Fact]
    public async Task What_is_short_never_rests()
    {
        using var export = _heavy.BeginExport();
        for (var i = 0; i < 4; i++)
        {
            _clock.Advance(Piece);
            Assert.True(export.RestAsync(Cancellation).AsTask().IsCompletedSuccessfully);
        }

        _clock.Advance(TimeSpan.FromSeconds(1));
        var rest = export.RestAsync(Cancellation).AsTask();
        Assert.False(rest.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(20));
        await rest;
    }

    [Fact]
    public async Task A_client_that_is_slow_is_not_made_to_rest_for_it()
    {
        using var export = _heavy.BeginExport();
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.True(export.RestAsync(Cancellation).AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Aggregates_take_turns_and_the_next_one_rests_from_the_one_before()
    {
        var first = await EnterAsync();
        var second = _heavy.EnterAggregateAsync(_tenant, Cancellation).AsTask();
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(second.IsCompleted);
        first.Dispose();
        // 9 s for one of work, less the 2 that were saved.
        _clock.Advance(TimeSpan.FromSeconds(6.9));
        Assert.False(second.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.NotNull((await second).Place);
    }

    [Fact]
    public async Task An_aggregate_whose_turn_does_not_come_is_429_and_leaves_the_turn_to_others()
    {
        var first = await EnterAsync();
        var refused = _heavy.EnterAggregateAsync(_tenant, Cancellation).AsTask();
        _clock.Advance(TimeSpan.FromSeconds(20));
        var refusal = (await refused).Refusal!;
        Assert.Equal((429, 1), (refusal.Status, refusal.RetryAfter));
        first.Dispose();
        _clock.Advance(TimeSpan.FromMinutes(4));
        (await EnterAsync()).Dispose();
    }

    [Fact]
    public async Task Who_leaves_while_resting_leaves_the_turn_to_others()
    {
        var first = await EnterAsync();
        _clock.Advance(TimeSpan.FromSeconds(1));
        first.Dispose();
        using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var waiting = _heavy.EnterAggregateAsync(_tenant, impatient.Token).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        _clock.Advance(TimeSpan.FromMinutes(1));
        (await EnterAsync()).Dispose();
    }

    [Fact]
    public async Task Who_has_to_rest_for_longer_than_anybody_waits_is_told_at_once_for_how_long()
    {
        var first = await EnterAsync();
        _clock.Advance(TimeSpan.FromSeconds(3));
        first.Dispose();
        // 27 s for three of work, less the 2 that were saved and what has gone by.
        _clock.Advance(TimeSpan.FromSeconds(2));
        var refusal = (await _heavy.EnterAggregateAsync(_tenant, Cancellation)).Refusal!;
        Assert.Equal((429, 23), (refusal.Status, refusal.RetryAfter));
        _clock.Advance(TimeSpan.FromSeconds(23));
        (await EnterAsync()).Dispose();
    }

    [Fact]
    public async Task A_tenant_rests_from_anothers_work_for_five_seconds_at_most()
    {
        var first = await EnterAsync();
        _clock.Advance(TimeSpan.FromSeconds(10));
        first.Dispose();
        var other = _heavy.EnterAggregateAsync(Guid.CreateVersion7(), Cancellation).AsTask();
        _clock.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(other.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.NotNull((await other).Place);
    }

    [Fact]
    public async Task However_many_one_tenant_asks_for_anothers_comes_next()
    {
        var first = await EnterAsync();
        var more = Enumerable.Range(0, 5).Select(_ => _heavy.EnterAggregateAsync(_tenant, Cancellation).AsTask()).ToArray();
        var other = _heavy.EnterAggregateAsync(Guid.CreateVersion7(), Cancellation).AsTask();
        first.Dispose();
        var place = (await other).Place!;
        Assert.DoesNotContain(more, one => one.IsCompleted);
        place.Dispose();
        Assert.NotNull((await await Task.WhenAny(more)).Place);
    }

    [Fact]
    public async Task A_turn_is_told_while_one_has_it_or_waits_for_it_and_to_nobody_else()
    {
        var first = await EnterAsync();
        Assert.Equal("1 warning", Told(_tenant));
        var other = Guid.CreateVersion7();
        Assert.Equal("0 ok", Told(other));
        var waiting = _heavy.EnterAggregateAsync(other, Cancellation).AsTask();
        Assert.Equal("1 warning", Told(other));
        first.Dispose();
        Assert.Equal("0 ok", Told(_tenant));
        (await waiting).Place!.Dispose();
        Assert.Equal("0 ok", Told(other));
    }

    [Fact]
    public async Task While_a_tenant_rests_it_is_told_until_when_and_it_is_blocked_as_long_as_it_would_be_refused()
    {
        var turn = await EnterAsync();
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal("1 warning", Told(_tenant));
        turn.Dispose();
        // 27 s for three of work, less the 2 that were saved. Another rests from it for 5 s.
        Assert.Equal("0 blocked 25", Told(_tenant));
        Assert.Equal("0 ok 5", Told(Guid.CreateVersion7()));
        _clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("0 ok 20", Told(_tenant));
        Assert.Equal("0 ok", Told(Guid.CreateVersion7()));
        _clock.Advance(TimeSpan.FromSeconds(1));
        var next = _heavy.EnterAggregateAsync(_tenant, Cancellation).AsTask();
        Assert.Equal("1 warning 19", Told(_tenant));
        _clock.Advance(TimeSpan.FromSeconds(19));
        Assert.Equal("1 warning", Told(_tenant));
        (await next).Place!.Dispose();
        Assert.Equal("0 ok", Told(_tenant));
    }

    // What is used, the state, and in how many seconds the tenant has rested.
    private string Told(Guid tenant)
    {
        var told = _heavy.ShowAggregates(tenant);
        return $"{told.Used} {told.State} {(told.ResetsAt - _clock.GetUtcNow())?.TotalSeconds}".TrimEnd();
    }

    private async Task<IDisposable> EnterAsync() => (await _heavy.EnterAggregateAsync(_tenant, Cancellation)).Place!;

    // Seconds of work in that time, in pieces.
    private async Task<double> WorkedAsync(TimeSpan time, HeavyReads.Export export)
    {
        var (until, worked) = (_clock.GetUtcNow() + time, TimeSpan.Zero);
        while (_clock.GetUtcNow() < until)
        {
            _clock.Advance(Piece);
            worked += Piece;
            var rest = export.RestAsync(Cancellation).AsTask();
            while (!rest.IsCompleted)
            {
                _clock.Advance(TimeSpan.FromMilliseconds(5));
            }

            await rest;
        }

        return worked.TotalSeconds;
    }
}
