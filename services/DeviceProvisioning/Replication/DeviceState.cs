using System.Linq.Expressions;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;

namespace EasySmart.DeviceProvisioning.Replication;

/// <summary>What <see cref="DeviceChanged"/> says, for who asks.</summary>
public sealed record DeviceState(Guid DeviceId, Guid? TenantId, string? DeviceLabel, DeviceStatus Status, long Version)
{
    internal static Expression<Func<Device, DeviceState>> Of { get; } = d => new DeviceState(d.Id, d.TenantId, d.DeviceLabel, d.Status, d.Version);
}
