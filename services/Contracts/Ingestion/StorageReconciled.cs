namespace EasySmart.Contracts.Ingestion;

/// <summary>
/// What the table of readings holds of each tenant, counted, and what the accounts say, both in one snapshot of the database; published by
/// Ingestion once a day. A difference is corrected in the accounts by a <see cref="UsageRecorded"/>.
/// </summary>
public sealed record StorageReconciled : IntegrationEvent
{
    /// <summary>One entry for each tenant that has readings or an account.</summary>
    public required IReadOnlyList<ReconciledEntry> Entries { get; init; }
}

/// <summary>One tenant's count. <see cref="IntegrationEvent.OccurredAt"/> tells when.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="CountedReadings">Rows in the table.</param>
/// <param name="CountedBytes">Their bytes of payload.</param>
/// <param name="AccountedReadings">Rows stored less rows deleted, as usage tells them.</param>
/// <param name="AccountedBytes">Their bytes of payload.</param>
public sealed record ReconciledEntry(Guid TenantId, long CountedReadings, long CountedBytes, long AccountedReadings, long AccountedBytes);
