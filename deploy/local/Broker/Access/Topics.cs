namespace EasySmart.Broker;

/// <summary>What MQTT says about topic names and filters, level by level and without taking them apart on the heap.</summary>
internal static class Topics
{
    public static bool IsName(ReadOnlySpan<char> topic) => !topic.IsEmpty && topic.IndexOfAny('+', '#', '\0') < 0;

    public static bool IsFilter(ReadOnlySpan<char> filter)
    {
        if (filter.IsEmpty || filter.Contains('\0'))
        {
            return false;
        }

        while (true)
        {
            var end = filter.IndexOf('/');
            var level = end < 0 ? filter : filter[..end];
            if (level.IndexOfAny('+', '#') >= 0 && (level.Length > 1 || (level[0] == '#' && end >= 0)))
            {
                return false;
            }

            if (end < 0)
            {
                return true;
            }

            filter = filter[(end + 1)..];
        }
    }

    /// <summary>
    /// Whether all that <paramref name="subject"/> (a topic name, or a subscription's filter) can reach is inside
    /// <paramref name="filter"/>. EMQX lets the rule <c>a/+</c> cover the subscription <c>a/#</c>; we do not, it is broader.
    /// </summary>
    public static bool Covers(ReadOnlySpan<char> filter, ReadOnlySpan<char> subject)
    {
        if (filter.IsEmpty || subject.IsEmpty || (subject[0] == '$' && filter[0] is ('+' or '#')))
        {
            return false;
        }

        while (true)
        {
            if (filter is "#")
            {
                return true;
            }

            var filterEnd = filter.IndexOf('/');
            var subjectEnd = subject.IndexOf('/');
            var filterLevel = filterEnd < 0 ? filter : filter[..filterEnd];
            var subjectLevel = subjectEnd < 0 ? subject : subject[..subjectEnd];
            if (filterLevel is "+" ? subjectLevel is "#" : !filterLevel.SequenceEqual(subjectLevel))
            {
                return false;
            }

            if (subjectEnd < 0)
            {
                // "a/#" covers "a" too.
                return filterEnd < 0 || filter[(filterEnd + 1)..] is "#";
            }

            if (filterEnd < 0)
            {
                return false;
            }

            filter = filter[(filterEnd + 1)..];
            subject = subject[(subjectEnd + 1)..];
        }
    }
}
