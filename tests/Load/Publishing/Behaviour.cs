namespace EasySmart.Load;

/// <summary>What devices do.</summary>
/// <param name="Shape">What they publish.</param>
/// <param name="QoS">0 or 1.</param>
/// <param name="Slots">How many slots each of them has; it publishes to one after the other.</param>
/// <param name="InFlight">Messages of each that may be unacknowledged.</param>
internal sealed record Behaviour(PayloadShape Shape, int QoS, int Slots, int InFlight);
