using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Fuzzing;

/// <summary>Sends inputs through the gateway, as a tenant's admin or the operator, and says what is wrong with an answer.</summary>
internal sealed class FuzzClient : IDisposable
{
    // Whatever takes longer hangs; this machine may be busy.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 16 }) { BaseAddress = Fleet.Gateway, Timeout = Deadline };
    private string _tenant = "";
    private string _tenantId = "";
    private string _operator = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Sees to it that both are known, also after an input that signed one of them out.</summary>
    public async Task SignInAsync()
    {
        if (!await IsKnownAsync(_tenant))
        {
            var made = await EnterAsync("register", $"{Guid.NewGuid():N}@example.com", "Correct-Horse-7");
            (_tenant, _tenantId) = (TokenOf(made), made.GetProperty("user").GetProperty("tenant_id").GetString()!);
        }

        if (!await IsKnownAsync(_operator))
        {
            _operator = TokenOf(await EnterAsync("login", TestServers.Required("EASYSMART_ADMIN_EMAIL"), TestServers.Required("EASYSMART_ADMIN_PASSWORD")));
        }
    }

    /// <summary>Sends one input; null when the answer is as it should be.</summary>
    public async Task<(int Status, string? Wrong)> SendAsync(FuzzInput input)
    {
        try
        {
            using var request = RequestOf(input);
            // Not to the end: a live stream has none.
            using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
            var status = (int)answer.StatusCode;
            // What Kestrel takes for no request at all, it answers by itself: a path with a zero byte, a request line that is too long.
            var bare = (status == 400 && input.Target.Contains("%00", StringComparison.Ordinal)) || (status == 414 && input.Target.Length > 8_000);
            if (status < 400 || (bare && !answer.Headers.Contains("X-Request-ID")))
            {
                return (status, null);
            }

            if (CodeOf(status) is not { } code)
            {
                return (status, $"{status}: {await answer.Content.ReadAsStringAsync(Cancellation)}");
            }

            await Envelope.AssertAsync(answer, status, code);
            return (status, null);
        }
        catch (Exception wrong) when (!Cancellation.IsCancellationRequested)
        {
            return (0, wrong.GetType().Name + " " + wrong.Message);
        }
    }

    public void Dispose() => _http.Dispose();

    // What the contract answers to a client's mistake. No fault of ours is among them, and no quota: a fresh tenant has none that few calls reach.
    private static string? CodeOf(int status) => status switch
    {
        400 => "bad_request",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        409 => "conflict",
        413 => "payload_too_large",
        415 => "unsupported_media_type",
        429 => "rate_limited",
        _ => null,
    };

    private HttpRequestMessage RequestOf(FuzzInput input)
    {
        var tenant = input.AsOperator ? $"{(input.Target.Contains('?', StringComparison.Ordinal) ? '&' : '?')}tenant_id={_tenantId}" : "";
        // As it is: the client would mend what is wrong with it.
        var target = new Uri(Fleet.Gateway.GetLeftPart(UriPartial.Authority) + input.Target + tenant, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        var request = new HttpRequestMessage(new HttpMethod(input.Method), target);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", input.AsOperator ? _operator : _tenant);
        if (input.Body is { } body)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", input.ContentType);
            // A body that is refused unread ends the connection under who is still sending it.
            request.Headers.ExpectContinue = body.Length > 1 << 20;
        }

        return request;
    }

    private async Task<bool> IsKnownAsync(string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/devices?limit=1");
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
        using var answer = await _http.SendAsync(request, Cancellation);
        return (int)answer.StatusCode is not 401;
    }

    private static string TokenOf(JsonElement signedIn) => signedIn.GetProperty("access_token").GetString()!;

    private async Task<JsonElement> EnterAsync(string call, string email, string password)
    {
        using var answer = await _http.PostAsJsonAsync($"/api/v1/auth/{call}", new { email, password }, Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonSerializer.Deserialize<JsonElement>(text);
    }
}
