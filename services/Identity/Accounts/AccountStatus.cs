namespace EasySmart.Identity.Accounts;

/// <summary>Whether a tenant or a user may act.</summary>
public enum AccountStatus
{
    /// <summary>May act.</summary>
    Active,

    /// <summary>Shut out for a while.</summary>
    Suspended,

    /// <summary>Shut out for good; kept for the audit.</summary>
    Deleted,
}
