using System.Security.Cryptography;
using System.Text;

namespace EasySmart.Identity.Auditing;

/// <summary>
/// The hashes of the audit chain, computed here a second time (the first is the migration's audit_hash): who verifies must not have to
/// trust functions that lie in the database which is verified.
/// </summary>
internal static class AuditHash
{
    /// <summary>
    /// What a record's hash covers, in its order: SQL expressions that give text or NULL, from PostgreSQL's own functions. Changing any of it
    /// makes every record look changed; a new column goes into a new format, told by another first field.
    /// </summary>
    public const string Fields =
        """
        'easysmart-audit-1', chain_position::text, encode(previous_hash, 'hex'), seq::text, event_id::text, tenant_id::text, user_id::text,
        device_id::text, event_type, event_category, severity, actor_type, actor_id, resource_type, resource_id, action, result, request_id,
        metadata::text, trim_scale(extract(epoch FROM timestamp) * 1000000)::text, trim_scale(extract(epoch FROM recorded_at) * 1000000)::text,
        encode(personal_hash, 'hex')
        """;

    /// <summary>What the hash of a record's personal data covers, likewise.</summary>
    public const string PersonalFields = "ip_address, user_agent, personal::text";

    /// <summary>SHA-256 over <paramref name="salt"/> and the fields, each with its length before it, so that no two lists read alike.</summary>
    public static byte[] Of(IEnumerable<string?> fields, byte[]? salt = null)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(salt ?? []);
        foreach (var field in fields)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(field is null ? "-," : $"{Encoding.UTF8.GetByteCount(field)}:{field},"));
        }

        return hash.GetHashAndReset();
    }
}
