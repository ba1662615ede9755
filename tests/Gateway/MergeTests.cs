using System.Text.Json.Nodes;
using EasySmart.ApiDocument;

namespace EasySmart.Gateway.Tests;

/// <summary>What becomes of services' documents that do not simply add up.</summary>
public sealed class MergeTests
{
    [Fact]
    public async Task Different_schemas_of_one_name_are_told_apart_and_equal_ones_are_one()
    {
        var merged = await MergeAsync(
            Document("identity", "/users", "ListUsers", """{"type": "string"}"""),
            Document("device-provisioning", "/devices", "ListDevices", """{"type": "integer"}"""));
        Assert.Equal(["Alive", "DeviceProvisioningPage", "IdentityPage", "Readiness", "Same"], Schemas(merged));
        Assert.Equal(
            "#/components/schemas/DeviceProvisioningPage",
            (string?)merged["paths"]!["/api/v1/devices"]!["get"]!["responses"]!["200"]!["content"]!["application/json"]!["schema"]!["$ref"]);
    }

    [Fact]
    public async Task Of_two_services_with_one_path_the_one_that_the_gateway_asks_is_documented()
    {
        var merged = await MergeAsync(
            Document("identity", "/tenants/{tenant_id}/quotas", "NotAsked", """{"type": "string"}"""),
            Document("billing-quota", "/tenants/{tenant_id}/quotas", "Asked", """{"type": "integer"}"""),
            Document("notifier", "/devices/never", "NotRouted", """{"type": "string"}"""));
        Assert.Equal("Asked", (string?)merged["paths"]!["/api/v1/tenants/{tenant_id}/quotas"]!["get"]!["operationId"]);
        Assert.Equal(3, merged["paths"]!.AsObject().Count);
    }

    [Fact]
    public async Task A_route_that_is_open_in_one_place_only_stops_the_build()
    {
        var fault = await Assert.ThrowsAsync<InvalidDataException>(() => MergeAsync(
            Document("identity", "/users", "ListUsers", """{"type": "string"}""", open: true)));
        Assert.Contains("GET /users", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_operations_of_one_name_stop_the_build()
    {
        var fault = await Assert.ThrowsAsync<InvalidDataException>(() => MergeAsync(
            Document("identity", "/users", "List", """{"type": "string"}"""), Document("device-provisioning", "/devices", "List", """{"type": "string"}""")));
        Assert.Contains("called List", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_order_of_the_input_does_not_matter()
    {
        var (one, other) = (Document("identity", "/users", "ListUsers", "{}"), Document("device-provisioning", "/devices", "ListDevices", "{}"));
        Assert.Equal(await PublicDocument.MergeAsync([one, other]), await PublicDocument.MergeAsync([other, one]));
    }

    private static async Task<JsonNode> MergeAsync(params string[] documents) => JsonNode.Parse(await PublicDocument.MergeAsync(documents))!;

    private static IEnumerable<string> Schemas(JsonNode document) => document["components"]!["schemas"]!.AsObject().Select(schema => schema.Key);

    private static string Document(string service, string path, string operation, string page, bool open = false) => $$$"""
        {
          "openapi": "3.1.1", "info": { "title": "{{{service}}}", "version": "1" },
          "paths": { "{{{path}}}": { "get": {
            "operationId": "{{{operation}}}", "tags": ["Users"], {{{(open ? "" : "\"security\": [{\"bearer\": []}],")}}}
            "responses": {
              "200": { "description": "OK", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Page" } } } },
              "201": { "description": "OK", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Same" } } } } } } } },
          "components": {
            "schemas": { "Page": {{{page}}}, "Same": { "type": "boolean" }, "Unused": { "type": "boolean" } },
            "headers": { "RequestId": { "schema": { "type": "string" } } },
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } } }
        }
        """;
}
