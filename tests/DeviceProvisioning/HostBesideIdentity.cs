using EasySmart.DeviceProvisioning.Tenants;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A host that hears of tenants from an Identity of the test's own.</summary>
internal sealed class HostBesideIdentity(string identity) : LonelyHost
{
    protected override async Task PrepareAsync()
    {
        await base.PrepareAsync();
        Settings[ApplyTenantStatus.Replica.AddressKey] = identity;
    }
}
