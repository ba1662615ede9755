namespace EasySmart.Identity.Auditing;

/// <summary>One chain of audit records: a tenant's, or the one of records that belong to no tenant.</summary>
/// <param name="Id">The tenant; all zeros for the platform's chain.</param>
internal readonly record struct Chain(Guid Id)
{
    /// <summary>What names the chain of records without a tenant, in commands and in <c>?tenant_id=</c>.</summary>
    public const string PlatformName = "platform";

    public static Chain Platform => default;

    /// <summary>Null for the platform's chain.</summary>
    public Guid? TenantId => Id == Guid.Empty ? null : Id;

    public static bool TryRead(string? text, out Chain chain)
    {
        chain = Platform;
        if (text == PlatformName)
        {
            return true;
        }

        var read = Guid.TryParse(text, out var id) && id != Guid.Empty;
        chain = new Chain(id);
        return read;
    }

    public override string ToString() => TenantId?.ToString() ?? PlatformName;
}
