using System.Collections.Concurrent;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.ServiceDefaults.Postgres;
using Npgsql;

namespace EasySmart.DeviceProvisioning.Mqtt;

/// <summary>
/// Secrets whose bcrypt hash came from the earlier system. One is accepted once: then its SHA-256 is kept instead. A check takes longer
/// than a login may, and waits its turn; it goes on without the login that asked for it, so that the device's next try gets in.
/// </summary>
public sealed class EarlierSecrets([FromKeyedServices(DataSources.System)] NpgsqlDataSource database, BcryptChecks checks)
{
    // What would wait longer than a device does.
    private const int MostWaiting = 1000;

    private const string Replace =
        """
        UPDATE credentials SET secret_sha256 = $2, secret_bcrypt = NULL WHERE id = $1 AND (secret_bcrypt = $3 OR secret_sha256 = $2)
        """;

    private readonly ConcurrentDictionary<(Guid Credential, string Password), Lazy<Task<bool>>> _running = new();

    /// <summary>Whether this is the secret. One check runs for however many tries with the same password.</summary>
    /// <exception cref="TimeoutException">Too many checks wait.</exception>
    public Task<bool> AcceptAsync(Guid credential, string hash, string password, byte[] passwordHash)
    {
        var key = (credential, Convert.ToHexString(passwordHash));
        if (_running.Count >= MostWaiting && !_running.ContainsKey(key))
        {
            throw new TimeoutException("Too many secrets of the earlier system wait to be checked");
        }

        return _running.GetOrAdd(key, _ => new(() => CheckAsync(key, hash, password, passwordHash))).Value;
    }

    private async Task<bool> CheckAsync((Guid Credential, string Password) key, string hash, string password, byte[] passwordHash)
    {
        try
        {
            // No token: whoever asked may be gone, the answer is wanted all the same.
            return await checks.IsRightAsync(hash, password, CancellationToken.None) && await ReplaceAsync(key.Credential, hash, passwordHash);
        }
        finally
        {
            _running.TryRemove(key, out _);
        }
    }

    // False when the secret was taken back meanwhile.
    private async Task<bool> ReplaceAsync(Guid credential, string hash, byte[] passwordHash)
    {
        await using var command = database.CreateCommand(Replace);
        command.Parameters.Add(new() { Value = credential });
        command.Parameters.Add(new() { Value = passwordHash });
        command.Parameters.Add(new() { Value = hash });
        return await command.ExecuteNonQueryAsync(CancellationToken.None) > 0;
    }
}
