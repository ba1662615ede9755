using System.Net.Http.Json;
using System.Text.Json;

namespace EasySmart.Hosting;

/// <summary>Reads the error envelope as a client would.</summary>
public static class Envelope
{
    private static readonly string[] Fields = ["code", "message", "request_id", "details"];

    /// <summary>Asserts 201. Returns the body.</summary>
    public static async Task<JsonElement> CreatedAsync(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True((int)answer.StatusCode == 201, $"{(int)answer.StatusCode}: {text}");
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    /// <summary>Asserts status, code, and that the envelope holds what contract.md says and nothing else. Returns it.</summary>
    public static async Task<JsonElement> AssertAsync(HttpResponseMessage answer, int status, string code)
    {
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True((int)answer.StatusCode == status, $"{(int)answer.StatusCode}: {text}");
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        var body = JsonSerializer.Deserialize<JsonElement>(text);
        Assert.Equal(code, body.GetProperty("code").GetString());
        Assert.NotEqual("", body.GetProperty("message").GetString());
        Assert.Equal(answer.Headers.GetValues("X-Request-ID").Single(), body.GetProperty("request_id").GetString());
        Assert.All(body.EnumerateObject(), field => Assert.Contains(field.Name, Fields));
        return body;
    }
}
