namespace EasySmart.DeviceProvisioning.Devices;

/// <summary>
/// Compares with hashes that the earlier system made. Each costs a tenth of a second of a core or more, on purpose: four at a time, and the
/// others wait, so that a fleet that comes over does not stop everything else.
/// </summary>
public sealed class BcryptChecks : IDisposable
{
    private const int AtATime = 4;

    private readonly SemaphoreSlim _free = new(AtATime);

    /// <summary>Whether <paramref name="hash"/> was made of <paramref name="text"/>; not on the caller's thread.</summary>
    public async Task<bool> IsRightAsync(string hash, string text, CancellationToken cancellation)
    {
        await _free.WaitAsync(cancellation);
        // Given up or not, the place is taken for as long as the core is.
        return await Task.Run(() => Check(hash, text), CancellationToken.None).WaitAsync(cancellation);
    }

    public void Dispose() => _free.Dispose();

    private bool Check(string hash, string text)
    {
        try
        {
            return BCrypt.Net.BCrypt.Verify(text, hash);
        }
        catch (Exception exception) when (exception is BCrypt.Net.SaltParseException or ArgumentException)
        {
            // No hash at all matches nothing.
            return false;
        }
        finally
        {
            _free.Release();
        }
    }
}
