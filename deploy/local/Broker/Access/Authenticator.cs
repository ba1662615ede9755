using System.Collections.ObjectModel;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Mime;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace EasySmart.Broker;

/// <summary>
/// Asks DeviceProvisioning whether a client may connect, in the words EMQX 5.8 uses. Anything but a 200 with
/// JSON that says allow is a no.
/// </summary>
internal sealed partial class Authenticator : IDisposable
{
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http;
    private readonly Uri _url;
    private readonly string _hookKey;
    private readonly TimeProvider _time;
    private readonly BrokerMetrics _metrics;
    private readonly ILogger<Authenticator> _logger;

    public Authenticator(BrokerOptions options, TimeProvider time, BrokerMetrics metrics, ILogger<Authenticator> logger)
    {
        // A thousand devices come back at once after a power cut: enough connections that they are asked about side
        // by side, few enough that DeviceProvisioning is not the next thing to fall over.
        _http = new HttpClient(new SocketsHttpHandler
        {
            MaxConnectionsPerServer = 64,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            AllowAutoRedirect = false,
            UseProxy = false,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = 1024 * 1024,
        };
        (_url, _hookKey, _time, _metrics, _logger) = (new Uri(options.AuthenticatorUrl), options.HookKey, time, metrics, logger);
    }

    public async Task<Login> AskAsync(AuthenticatorQuestion question)
    {
        var started = _time.GetTimestamp();
        var login = await AskWithinBudgetAsync(question);
        _metrics.Authenticated(_time.GetElapsedTime(started), login.Result);
        if (login.Result != LoginResult.Allowed)
        {
            LogRefused(question.ClientId, question.UserName, login.Result, login.Reason);
        }

        return login;
    }

    public void Dispose() => _http.Dispose();

    private async Task<Login> AskWithinBudgetAsync(AuthenticatorQuestion question)
    {
        using var budget = new CancellationTokenSource(Budget, _time);
        try
        {
            // With a length, not chunked: as EMQX sends it.
            using var content = new ByteArrayContent(
                JsonSerializer.SerializeToUtf8Bytes(question, AuthenticatorJson.Default.AuthenticatorQuestion));
            content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypeNames.Application.Json);
            using var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = content };
            request.Headers.Add("X-EasySmart-Hook-Key", _hookKey);
            using var response = await _http.SendAsync(request, budget.Token);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                var unavailable = (int)response.StatusCode >= 500 || response.StatusCode == HttpStatusCode.TooManyRequests;
                return new(
                    unavailable ? LoginResult.Unavailable : LoginResult.Refused, $"authenticator answered {(int)response.StatusCode}");
            }

            return response.Content.Headers.ContentType?.MediaType == MediaTypeNames.Application.Json
                ? Read(await response.Content.ReadAsByteArrayAsync(budget.Token), question)
                : new(LoginResult.Refused, "authenticator's answer is not application/json");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return new(LoginResult.Unavailable, "authenticator is unreachable");
        }
        catch (OperationCanceledException)
        {
            return new(LoginResult.Unavailable, "authenticator did not answer in time");
        }
    }

    private static Login Read(byte[] json, AuthenticatorQuestion question)
    {
        try
        {
            var answer = JsonSerializer.Deserialize(json, AuthenticatorJson.Default.AuthenticatorAnswer);
            if (answer?.Result != "allow")
            {
                return answer?.Result == "deny"
                    ? new(LoginResult.Denied, "denied")
                    : new(LoginResult.Refused, "authenticator's answer has no result allow or deny");
            }

            var access = AccessList.TryCreate(
                answer.Acl ?? [], answer.IsSuperuser, question.ClientId, question.UserName, out var problem);
            DateTimeOffset? expires = answer.ExpireAt is { } seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;
            return access is null
                ? new(LoginResult.Refused, problem)
                : new(LoginResult.Allowed, null, access, expires) { Attributes = Attributes(answer) };
        }
        catch (Exception e) when (e is JsonException or ArgumentOutOfRangeException)
        {
            return new(LoginResult.Refused, "authenticator's answer cannot be read");
        }
    }

    // EMQX drops those whose names its templates could not say, and fails over a value that is no text.
    private static Dictionary<string, string> Attributes(AuthenticatorAnswer answer)
    {
        var named = (answer.ClientAttrs ?? ReadOnlyDictionary<string, string>.Empty).Where(a => AttributeName().IsMatch(a.Key));
        return named.ToDictionary(a => a.Key, a => a.Value ?? throw new JsonException("null"), StringComparer.Ordinal);
    }

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_-]*\z")]
    private static partial Regex AttributeName();

    [LoggerMessage(Level = LogLevel.Warning, Message = "Refused client {ClientId}, user {UserName}: {Result}, {Reason}")]
    private partial void LogRefused(string clientId, string userName, LoginResult result, string? reason);
}
