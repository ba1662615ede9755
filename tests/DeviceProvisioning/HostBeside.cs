namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A host that hears no events, and asks a sister service of the test's own.</summary>
/// <param name="key">Configuration key of the sister's address.</param>
/// <param name="address">The address.</param>
internal sealed class HostBeside(string key, string address) : LonelyHost
{
    protected override async Task PrepareAsync()
    {
        await base.PrepareAsync();
        Settings[key] = address;
    }
}
