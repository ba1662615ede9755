using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using EasySmart.Hosting;

namespace EasySmart.Fleet.Tests.Api;

/// <summary>
/// Walks the API document against the running gateway: every route exists and answers what is written, and nothing else. The cases are
/// made from the document, so that a new route is walked as soon as it is in there.
/// </summary>
public sealed class WalkTests
{
    private static readonly Dictionary<int, string[]> Codes = new()
    {
        [400] = ["bad_request"],
        [401] = ["unauthorized"],
        [403] = ["forbidden"],
        [404] = ["not_found"],
        [409] = ["conflict"],
        [413] = ["payload_too_large"],
        [415] = ["unsupported_media_type"],
        [429] = ["rate_limited", "quota_exceeded"],
        [503] = ["service_unavailable"],
        [504] = ["gateway_timeout"],
        [500] = ["internal_error"],
    };

    // Routes that take more than the usual mebibyte.
    private static readonly Dictionary<string, int> MaxBody = new() { ["SendReadings"] = 16 << 20 };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> All => Where(_ => true);

    public static TheoryData<string> Closed => Where(o => !o.IsOpen);

    public static TheoryData<string> WithPermission => Where(o => o.Permissions.Count > 0);

    public static TheoryData<string> WithId => Where(o => o.PathParameters.Count > 0);

    // The operator sees every tenant, and plans, which are nobody's; what it may not see otherwise is not there for it either.
    public static TheoryData<string> WithTenantsObject => Where(
        o => o.PathParameters.Count > 0 && !(Walker.IsOperators(o) && o.PathParameters is ["tenant_id"] or ["plan_type"]));

    // A file has no JSON to be wrong in.
    public static TheoryData<string> WithBody => Where(o => o.BodySchema is not null);

    [Fact]
    public async Task The_gateway_serves_the_committed_document()
    {
        using var http = new HttpClient { BaseAddress = Fleet.Gateway };
        var served = JsonNode.Parse(await http.GetStringAsync("/openapi/v1.json", Cancellation));
        Assert.True(JsonNode.DeepEquals(PublicApi.Committed, served), "The gateway serves another document than gateway/openapi/v1.json");
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task It_exists_and_answers_what_is_written_with_no_more_than_the_permission_that_it_names(string id)
    {
        var operation = PublicApi.Named(id);
        var tenant = await Tenant.RegisterAsync();
        var caller = await Walker.WithNoMoreThanNeededAsync(operation, tenant);
        var path = await PathObjects.FillAsync(operation, tenant);
        using var answer = await caller.CallAsync(operation, path, Walker.BodyOf(operation));
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        var status = (int)answer.StatusCode;
        Assert.True(operation.Statuses.Contains(status), $"{status} is not documented: {text}");
        Assert.True(operation.IsOpen || status != 401, $"{status}, with {string.Join(", ", operation.Permissions)}: {text}");
        // In these very words it is said that there is no such route, or that a permission is missing. A handler has reasons of its own.
        Assert.DoesNotContain("There is nothing here", text, StringComparison.Ordinal);
        Assert.DoesNotContain("You are not allowed to do this", text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Closed))]
    public async Task Without_a_token_it_is_401(string id)
    {
        var operation = PublicApi.Named(id);
        var path = PathObjects.Fill(operation, Guid.CreateVersion7().ToString());
        await RefusedAsync(operation, Walker.Nobody.CallAsync(operation, path, Walker.BodyOf(operation)), 401);
        await RefusedAsync(operation, new Walker("eyJhbGciOiJub25lIn0.e30.").CallAsync(operation, path, Walker.BodyOf(operation)), 401);
    }

    [Theory]
    [MemberData(nameof(WithPermission))]
    public async Task With_every_other_permission_it_is_403(string id)
    {
        var operation = PublicApi.Named(id);
        var tenant = await Tenant.RegisterAsync();
        var caller = await Walker.WithoutWhatIsNeededAsync(operation, tenant);
        var path = await PathObjects.FillAsync(operation, tenant);
        await RefusedAsync(operation, caller.CallAsync(operation, path, Walker.BodyOf(operation)), 403);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(WithTenantsObject))]
    public async Task Another_tenants_object_is_404(string id)
    {
        var operation = PublicApi.Named(id);
        var (tenant, other) = (await Tenant.RegisterAsync(), await Tenant.RegisterAsync());
        var caller = await Walker.ForAsync(operation, tenant);
        var path = await PathObjects.FillAsync(operation, other);
        await RefusedAsync(operation, caller.CallAsync(operation, path, Walker.BodyOf(operation)), 404);
    }

    [Theory]
    [MemberData(nameof(WithId))]
    public async Task An_id_of_nothing_is_404_and_what_is_no_id_is_400_or_404(string id)
    {
        var operation = PublicApi.Named(id);
        var caller = await Walker.ForAsync(operation, await Tenant.RegisterAsync());
        await RefusedAsync(operation, caller.CallAsync(operation, PathObjects.Fill(operation, Guid.CreateVersion7().ToString()), Walker.BodyOf(operation)), 404);
        foreach (var malformed in new[] { "no-id", "019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f7", "'; DROP TABLE users --" })
        {
            var path = PathObjects.Fill(operation, Uri.EscapeDataString(malformed));
            await RefusedAsync(operation, caller.CallAsync(operation, path, Walker.BodyOf(operation)), 400, 404);
        }
    }

    [Theory]
    [MemberData(nameof(WithBody))]
    public async Task A_bad_body_is_400(string id)
    {
        var operation = PublicApi.Named(id);
        var tenant = await Tenant.RegisterAsync();
        var caller = await Walker.ForAsync(operation, tenant);
        var path = await PathObjects.FillAsync(operation, tenant);
        foreach (var bad in BadBodies(operation))
        {
            await RefusedAsync(operation, caller.CallAsync(operation, path, Walker.Json(bad)), bad, 400);
        }
    }

    [Theory]
    [MemberData(nameof(WithBody))]
    public async Task Another_media_type_is_415_and_too_much_is_413(string id)
    {
        var operation = PublicApi.Named(id);
        var tenant = await Tenant.RegisterAsync();
        var caller = await Walker.ForAsync(operation, tenant);
        var path = await PathObjects.FillAsync(operation, tenant);
        // Where no body is needed, what comes instead is taken for bad JSON.
        await RefusedAsync(operation, caller.CallAsync(operation, path, new StringContent("a=b")), operation.NeedsBody ? [415] : [400, 415]);
        await RefusedAsync(operation, caller.CallAsync(operation, path, Walker.Json(new string(' ', MaxBody.GetValueOrDefault(id, 1 << 20) + 1))), 413);
    }

    private static IEnumerable<string> BadBodies(Operation operation)
    {
        string[] never = ["{", "{\"a\": 1,}", "[]", "\"text\"", "7", "true", "\u0001", "{\"a\": 1} {}"];
        var wrong = (operation.BodySchema!["properties"] as JsonObject ?? [])
            .Where(p => Example.TypesOf(p.Value!) is [_, ..])
            .Select(p =>
            {
                var body = Example.Of(operation.BodySchema)!.AsObject();
                body[p.Key] = Example.TypesOf(p.Value!).Contains("object") ? "text" : new JsonObject { ["no"] = "such" };
                return body.ToJsonString();
            });
        return never.Concat(wrong).Concat(operation.NeedsBody ? ["", "null"] : []);
    }

    private static Task RefusedAsync(Operation operation, Task<HttpResponseMessage> call, params int[] statuses) =>
        RefusedAsync(operation, call, "", statuses);

    private static async Task RefusedAsync(Operation operation, Task<HttpResponseMessage> call, string sent, params int[] statuses)
    {
        using var answer = await call;
        var status = (int)answer.StatusCode;
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(statuses.Contains(status), $"{operation.Method} {operation.Path} {sent}: {status} {text}");
        Assert.True(operation.Statuses.Contains(status), $"{operation.Method} {operation.Path}: {status} is not documented");
        await Envelope.AssertAsync(answer, status, Codes[status].First(code => text.Contains($"\"{code}\"", StringComparison.Ordinal)));
    }

    private static TheoryData<string> Where(Func<Operation, bool> which) => [.. PublicApi.Operations.Where(which).Select(o => o.Id)];
}
