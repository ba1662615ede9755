namespace EasySmart.Ingestion.Quotas;

/// <summary>How many messages of a device there were in a minute.</summary>
internal struct MinuteCount
{
    /// <summary>By this instance, committed or on the way.</summary>
    public long Own;

    /// <summary>Of those: in the table.</summary>
    public long InTable;

    /// <summary>Of those: committed, and not in the table.</summary>
    public long Unwritten;

    /// <summary>In the table and not ours.</summary>
    public long Others;

    /// <summary>All that are known of.</summary>
    public readonly long Total => Own + Others;

    /// <summary>So many of ours went into the table, which now holds a total.</summary>
    public void Write(long added, long total)
    {
        InTable += added;
        Unwritten = 0;
        Others = Math.Max(0, total - InTable);
    }
}
