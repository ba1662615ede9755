namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>Topics as contract.md §2 names them.</summary>
public static class Topics
{
    /// <summary>Everything of one device is below this.</summary>
    public static string Of(Guid tenant, Guid device) => $"tenants/{tenant}/devices/{device}";
}
