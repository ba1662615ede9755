using EasySmart.ServiceDefaults;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace EasySmart.Identity.Accounts;

/// <summary>Roles and statuses as contract.md spells them: the same words in answers, tokens, events and the database.</summary>
internal static class Spelling
{
    public static string Spell<T>(this T value) where T : struct, Enum => Json.Naming.ConvertName(value.ToString());

    public static void IsSpelt<T>(this PropertyBuilder<T> property) where T : struct, Enum =>
        property.HasConversion(value => value.Spell(), text => Read<T>(text));

    /// <summary>A word of a query; none is null.</summary>
    /// <returns>Whether there is such a word.</returns>
    public static bool TryRead<T>(string? text, out T? value) where T : struct, Enum
    {
        value = Enum.GetValues<T>().Where(v => v.Spell() == text).Select(v => (T?)v).SingleOrDefault();
        return value is not null || string.IsNullOrEmpty(text);
    }

    private static T Read<T>(string text) where T : struct, Enum =>
        Enum.Parse<T>(text.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
}
