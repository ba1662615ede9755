using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using EasySmart.ApiDocument;
using EasySmart.Hosting;
using Microsoft.OpenApi;

namespace EasySmart.Gateway.Tests;

/// <summary>The public API document: it is what the services emit, it is complete, and it is served.</summary>
public sealed class ApiDocumentTests(GatewayHost gateway)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The services' documents, which their own tests hold to what they emit. After those were written anew, this comes second.</summary>
    private static async Task<string> MergedAsync()
    {
        var tests = new DirectoryInfo(AppContext.BaseDirectory);
        while (tests!.Name != "tests")
        {
            tests = tests.Parent;
        }

        return await PublicDocument.MergeAsync(
            tests.EnumerateDirectories().Select(t => Path.Combine(t.FullName, "Snapshots", "openapi.json")).Where(File.Exists).Select(File.ReadAllText));
    }

    [Fact]
    public async Task The_committed_document_is_what_the_services_emit() =>
        await Snapshot.AssertAsync("../../../gateway/openapi/v1.json", await MergedAsync());

    [Fact]
    public async Task It_is_served_to_everybody_and_not_twice_to_whom_has_it()
    {
        using var answer = await gateway.Direct().GetAsync("/openapi/v1.json", Cancellation);
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        Assert.True(
            JsonNode.DeepEquals(JsonNode.Parse(await MergedAsync()), JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))),
            "The gateway was built before a service's document changed: build again");

        using var again = new HttpRequestMessage(HttpMethod.Get, "/openapi/v1.json");
        again.Headers.IfNoneMatch.Add(answer.Headers.ETag!);
        using var unchanged = await gateway.Direct().SendAsync(again, Cancellation);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    [Fact]
    public async Task It_is_valid_OpenAPI_3_1()
    {
        var read = OpenApiDocument.Parse(await MergedAsync(), "json");
        Assert.Empty(read.Diagnostic!.Errors);
        Assert.Empty(read.Diagnostic.Warnings);
        Assert.Equal(OpenApiSpecVersion.OpenApi3_1, read.Diagnostic.SpecificationVersion);
    }

    [Fact]
    public async Task Every_operation_is_named_described_and_below_a_described_tag()
    {
        var document = OpenApiDocument.Parse(await MergedAsync(), "json").Document!;
        var tags = document.Tags!.Where(t => t.Description is not null).Select(t => t.Name).ToList();
        Assert.All(document.Paths, path => Assert.All(path.Value.Operations!, operation =>
        {
            var (name, told) = ($"{operation.Key} {path.Key}", operation.Value);
            Assert.True(told.Summary is not null && told.OperationId is not null, $"{name} has no handler to be named for: add WithName");
            Assert.True(tags.Contains(told.Tags?.SingleOrDefault()?.Name), $"{name} needs WithTags with one of gateway/ApiDocument/frame.json: {string.Join(", ", tags)}");
            Assert.All(told.Parameters ?? [], p => Assert.True(p.Description is not null, $"{name}: its parameter {p.Name} has no XML comment"));
        }));
    }

    [Fact]
    public async Task Every_text_or_number_of_a_body_has_an_example()
    {
        var schemas = JsonNode.Parse(await MergedAsync())!["components"]!["schemas"]!.AsObject();
        var bare = schemas.SelectMany(schema => (schema.Value!["properties"] as JsonObject ?? []).Where(p => IsBare(p.Value!)).Select(p => $"{schema.Key}.{p.Key}"));
        Assert.True(!bare.Any(), $"Add <example> to the XML comments of: {string.Join(", ", bare)}");
    }

    [Fact]
    public async Task Every_error_of_the_contract_is_documented_with_its_code()
    {
        var responses = JsonNode.Parse(await MergedAsync())!["components"]!["responses"]!.AsObject();
        var codes = responses.SelectMany(r => r.Value!["content"]!["application/json"]!["examples"]!.AsObject().Select(e => (string)e.Value!["value"]!["code"]!));
        Assert.Equal(
            [
                "bad_request", "conflict", "forbidden", "gateway_timeout", "internal_error", "method_not_allowed", "not_found", "payload_too_large",
                "quota_exceeded", "rate_limited", "service_unavailable", "unauthorized", "unsupported_media_type",
            ],
            codes.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Nothing_that_the_gateway_keeps_inside_is_in_it()
    {
        var document = JsonNode.Parse(await MergedAsync())!;
        Assert.All(document["paths"]!.AsObject(), path => Assert.True(
            path.Key.StartsWith("/api/v1/", StringComparison.Ordinal) || path.Key.StartsWith("/health", StringComparison.Ordinal), path.Key));
        Assert.DoesNotContain("/internal", document["paths"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("jwks", document.ToJsonString(), StringComparison.Ordinal);
    }

    private static bool IsBare(JsonNode property)
    {
        var types = property["type"] is JsonArray several ? several.Select(t => (string)t!) : [(string?)property["type"] ?? ""];
        return types.Any(t => t is "string" or "integer" or "number") && property["examples"] is null && property["enum"] is null;
    }
}
