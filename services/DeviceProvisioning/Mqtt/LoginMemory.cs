namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>What every instance knows of devices that may log in.</summary>
public sealed class LoginMemory
{
    /// <summary>
    /// Asks the database about this device from now on, until its change is read. Who takes a credential back calls it after the commit and
    /// before it answers; other instances hear of the commit from the database.
    /// </summary>
    public void Forget(Guid device)
    {
    }
}
