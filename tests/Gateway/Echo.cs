using System.Text.Json;

namespace EasySmart.Gateway.Tests;

/// <summary>What a service got.</summary>
public sealed record Echo(string Service, string Method, string Target, Dictionary<string, string?[]> Headers, string Body)
{
    /// <summary>The only value of a header; null when it did not come.</summary>
    public string? Header(string name) =>
        Headers.SingleOrDefault(h => h.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value?.Single();

    public static async Task<Echo> OfAsync(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode, $"{(int)answer.StatusCode}: {text}");
        return JsonSerializer.Deserialize<Echo>(text, JsonSerializerOptions.Web)!;
    }
}
