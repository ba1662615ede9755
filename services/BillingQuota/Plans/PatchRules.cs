using System.Text.Json;

namespace EasySmart.BillingQuota.Plans;

/// <summary>What is wrong with a value of a <see cref="MergePatch{TFields}"/>; null when nothing is.</summary>
internal static class PatchRules
{
    // A petabyte in MB, and far more devices, messages a minute and centavos than anybody has.
    private const int Most = 1_000_000_000;

    // A century.
    private const int MostDays = 36_500;

    public static Func<JsonElement, string?> Amount { get; } = Whole(0, Most);

    public static Func<JsonElement, string?> Days { get; } = Whole(0, MostDays);

    public static Func<JsonElement, string?> Flag { get; } =
        value => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : "Must be true or false";

    /// <summary>A whole number within bounds.</summary>
    public static Func<JsonElement, string?> Whole(int from, int to) => value =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= from && number <= to
            ? null
            : $"Must be a whole number from {from} to {to}";

    public static Func<JsonElement, string?> OneOf(params string[] words) => value =>
        value.ValueKind == JsonValueKind.String && words.Any(value.ValueEquals) ? null : $"Must be one of {string.Join(", ", words)}";

    /// <summary>The rule, and null, which takes the value back.</summary>
    public static Func<JsonElement, string?> OrNull(Func<JsonElement, string?> rule) =>
        value => value.ValueKind == JsonValueKind.Null ? null : rule(value) is { } error ? $"{error}, or null for the plan's" : null;
}
