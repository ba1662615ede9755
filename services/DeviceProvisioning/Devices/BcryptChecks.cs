namespace EasySmart.DeviceProvisioning.Devices;

public sealed class BcryptChecks : IDisposable
{
    private readonly SemaphoreSlim _few = new(4);

    public void Dispose() => _few.Dispose();

    public async Task<bool> IsRightAsync(string hash, string text, CancellationToken cancellation)
    {
        await _few.WaitAsync(cancellation);
        try
        {
            return await Task.Run(() => BCrypt.Net.BCrypt.Verify(text, hash), cancellation);
        }
        finally
        {
            _few.Release();
        }
    }
}
