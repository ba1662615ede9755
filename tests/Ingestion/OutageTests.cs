using EasySmart.Ingestion.Quotas;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.Ingestion.Tests;

/// <summary>What waited at the broker while ingestion, its database or the broker's connection was away is not refused for coming all at once.</summary>
public sealed class OutageTests
{
    private const int Quota = 6;
    private const long Now = 29_519_280L * 60 * 1_000_000;
    private readonly FakeTimeProvider _clock = new();
    private readonly Outages _outages;
    private readonly MinuteWindow _window = new();

    public OutageTests() => _outages = new Outages(Options.Create(new IngestionOptions()), _clock);

    [Fact]
    public void As_many_may_come_as_the_quota_allowed_meanwhile_and_no_more()
    {
        _clock.Advance(TimeSpan.FromMinutes(10));
        // The minute's own, and of ten minutes with the one that they began in.
        Assert.Equal(Quota + 11 * Quota, Takes(1000));
        // Those that waited are not the minute's.
        Assert.Equal((Quota, 1000 - 12 * Quota), _window.At(Now, null));
        // When it is over, what is left of it is as much as before.
        _outages.Taken();
        Assert.Equal(0, Takes(10));
    }

    [Fact]
    public void What_was_not_used_yet_can_be_used_for_an_hour_after()
    {
        _clock.Advance(TimeSpan.FromMinutes(1));
        _outages.Taken();
        TakeFor(TimeSpan.FromMinutes(59));
        Assert.Equal(Quota + 2 * Quota, Takes(100));
        TakeFor(TimeSpan.FromMinutes(2));
        Assert.Equal(0, new[] { new MinuteWindow() }.Sum(fresh => Takes(100, fresh) - Quota));
    }

    [Fact]
    public void A_short_while_is_no_outage()
    {
        _clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(Quota, Takes(100));
    }

    [Fact]
    public void A_start_after_a_while_is_one_and_a_second_one_adds_its_minutes_to_it()
    {
        _outages.Started(before: TimeSpan.FromMinutes(5));
        Assert.Equal(Quota + 6 * Quota, Takes(100));
        _outages.Taken();
        TakeFor(TimeSpan.FromMinutes(1));
        _clock.Advance(TimeSpan.FromMinutes(3));
        // What was used of the first is used.
        Assert.Equal(3 * Quota, Takes(100));
    }

    [Fact]
    public void While_nothing_is_sent_there_is_none_unless_the_connection_turns_out_to_be_lost()
    {
        _outages.Waiting(hasRoom: true);
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Null(_outages.Recent());
        _outages.Lost();
        Assert.Equal(TimeSpan.FromHours(1), _outages.Recent()!.Length);
        // With no room, the broker could not have sent.
        _outages.Taken();
        _outages.Waiting(hasRoom: false);
        _clock.Advance(TimeSpan.FromMinutes(2));
        _outages.Taken();
        Assert.Equal(TimeSpan.FromMinutes(62), _outages.Recent()!.Length);
    }

    // A packet every few seconds.
    private void TakeFor(TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromSeconds(5))
        {
            _clock.Advance(TimeSpan.FromSeconds(5));
            _outages.Taken();
        }
    }

    private int Takes(int count, MinuteWindow? window = null) => Enumerable.Range(0, count).Count(_ =>
    {
        (window ?? _window).Take(Now, Quota, _outages, out var taken);
        return taken;
    });
}
