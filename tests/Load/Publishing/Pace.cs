using System.Diagnostics;

namespace EasySmart.Load;

/// <summary>How fast one of many devices publishes. All of them together are evenly spread.</summary>
/// <param name="started">When the first of all publishes is due.</param>
/// <param name="perSecond">Of all devices; 0 is as fast as it goes.</param>
/// <param name="devices">How many there are.</param>
/// <param name="index">Which one it is.</param>
internal readonly struct Pace(long started, double perSecond, int devices, int index)
{
    private readonly double _interval = perSecond == 0 ? 0 : devices / perSecond;
    private readonly double _first = perSecond == 0 ? 0 : index / perSecond;

    public bool IsOpen => _interval == 0;

    /// <summary>How many publishes of this device should have been made by now.</summary>
    public long Due => IsOpen ? long.MaxValue : Math.Max(0, 1 + (long)Math.Floor((Stopwatch.GetElapsedTime(started).TotalSeconds - _first) / _interval));

    /// <summary>How long until publish <paramref name="number"/>, counted from 0.</summary>
    public TimeSpan Until(long number) =>
        TimeSpan.FromSeconds(Math.Clamp(_first + number * _interval - Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 0.1));
}
