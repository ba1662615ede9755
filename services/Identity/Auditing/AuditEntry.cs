using System.Text.Json;
using Npgsql;

namespace EasySmart.Identity.Auditing;

/// <summary>An audit record as contract.md §4 shows it.</summary>
/// <param name="Id">The record's own id.</param>
/// <param name="TenantId">The tenant that it concerns; null for the platform itself.</param>
/// <param name="UserId">The user that it concerns.</param>
/// <param name="DeviceId">The device that it concerns.</param>
/// <param name="EventType">What happened, such as <c>auth.login</c>. <example>auth.login</example></param>
/// <param name="EventCategory">The part of the product: <c>auth</c>, <c>device</c>, <c>billing</c>, <c>ops</c>, … <example>auth</example></param>
/// <param name="Severity"><c>info</c>, <c>warning</c> or <c>critical</c>. <example>info</example></param>
/// <param name="ActorType">Who acted: <c>user</c>, <c>api_key</c>, <c>device</c>, <c>system</c> or <c>anonymous</c>. <example>user</example></param>
/// <param name="ActorId">The actor's id. <example>019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70</example></param>
/// <param name="ResourceType">The kind of thing acted upon. <example>user</example></param>
/// <param name="ResourceId">Its id. <example>019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70</example></param>
/// <param name="Action">The verb. <example>login</example></param>
/// <param name="Result"><c>success</c>, <c>failed</c>, <c>denied</c> or <c>skipped</c>. <example>success</example></param>
/// <param name="IpAddress">The client's address; null also when it was erased.</param>
/// <param name="UserAgent">What the client called itself; null also when it was erased.</param>
/// <param name="RequestId">The <c>X-Request-ID</c> of the call. <example>019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70</example></param>
/// <param name="Metadata">Anything else; without what was erased.</param>
/// <param name="Timestamp">When it happened.</param>
/// <param name="ChainPosition">Its place in its tenant's chain, from 1. <example>42</example></param>
/// <param name="Hash">SHA-256 over the record and the hash of the one before it in the chain, in hexadecimal. <example>5d41402abc4b2a76b9719d911017c592ae1f0c7a3b5e2d9c8f6a4b1e0d7c3f92</example></param>
public sealed record AuditEntry(
    Guid Id,
    Guid? TenantId,
    Guid? UserId,
    Guid? DeviceId,
    string EventType,
    string EventCategory,
    string Severity,
    string ActorType,
    string? ActorId,
    string? ResourceType,
    string? ResourceId,
    string Action,
    string Result,
    string? IpAddress,
    string? UserAgent,
    string? RequestId,
    JsonElement? Metadata,
    DateTimeOffset Timestamp,
    long ChainPosition,
    string Hash)
{
    internal const string Columns =
        """
        event_id, tenant_id, user_id, device_id, event_type, event_category, severity, actor_type, actor_id, resource_type, resource_id, action,
        result, ip_address, user_agent, request_id, CASE WHEN personal IS NULL THEN metadata ELSE metadata || personal END, timestamp,
        chain_position, hash, seq
        """;

    /// <summary>Where the list goes on after this record.</summary>
    internal AuditCursor Place { get; private init; }

    internal static AuditEntry Read(NpgsqlDataReader row)
    {
        var timestamp = row.GetFieldValue<DateTimeOffset>(17);
        return new AuditEntry(
            row.GetGuid(0), Id(1), Id(2), Id(3), row.GetString(4), row.GetString(5), row.GetString(6), row.GetString(7), Text(8), Text(9), Text(10),
            row.GetString(11), row.GetString(12), Text(13), Text(14), Text(15), row.IsDBNull(16) ? null : row.GetFieldValue<JsonElement>(16), timestamp,
            row.GetInt64(18), Convert.ToHexStringLower(row.GetFieldValue<byte[]>(19)))
        {
            Place = new AuditCursor(timestamp, row.GetInt64(20)),
        };

        Guid? Id(int at) => row.IsDBNull(at) ? null : row.GetGuid(at);

        string? Text(int at) => row.IsDBNull(at) ? null : row.GetString(at);
    }
}
