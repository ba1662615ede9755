using System.Text;
using System.Text.Json;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

public sealed class LabelTests(DevicesHost host)
{
    private readonly HttpClient _client = host.Installer(Guid.CreateVersion7());

    public static TheoryData<string> BadLabels =>
    [
        "\"\"",
        $"\"{new string('a', 51)}\"",
        "\"a+b\"", "\"a#b\"", "\"a/b\"", "\"+\"", "\"#\"", "\"/\"", "\"service/ingestion\"",
        "\"a\\u0000b\"", "\"\\t\"", "\"line\\nbreak\"", "\"del\\u007f\"", "\"c1\\u0085\"",
        "\"0195f0c4-8a3b-7c1d-9e2f-123456789abc\"",
        "\"0195F0C4-8A3B-7C1D-9E2F-123456789ABC\"",
        "\"00000000-0000-0000-0000-000000000000\"",
        "\"{0195f0c4-8a3b-7c1d-9e2f-123456789abc}\"",
        "\"(0195f0c4-8a3b-7c1d-9e2f-123456789abc)\"",
        "\" 0195f0c4-8a3b-7c1d-9e2f-123456789abc \"",
        "\"0195f0c48a3b7c1d9e2f123456789abc\"",
        "\"lone \\ud83d surrogate\"",
        "5", "true", "[\"a\"]", "{\"a\": 1}",
    ];

    [Theory]
    [MemberData(nameof(BadLabels))]
    public async Task A_label_against_the_rules_is_400_and_names_the_field(string json)
    {
        using var content = new StringContent($"{{\"device_label\": {json}}}", Encoding.UTF8, "application/json");
        using var answer = await _client.PostAsync("/devices/provision", content, TestContext.Current.CancellationToken);
        var envelope = await Envelope.AssertAsync(answer, 400, "bad_request");
        Assert.Equal(JsonValueKind.Array, envelope.GetProperty("details").GetProperty("device_label").ValueKind);
        Assert.Single(envelope.GetProperty("details").EnumerateObject());
    }

    [Theory]
    [InlineData("{\"device_label\":")]
    [InlineData("[]")]
    [InlineData("\"label\"")]
    [InlineData("{\"device_label\": \"a\", \"device_label\": \"b\"}")]
    public async Task A_body_that_is_no_object_of_ours_is_400(string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await _client.PostAsync("/devices/provision", content, TestContext.Current.CancellationToken);
        await Envelope.AssertAsync(answer, 400, "bad_request");
    }

    [Theory]
    [InlineData("a")]
    [InlineData("Bomba d'água nº 3 (linha 2)")]
    [InlineData("温度計")]
    [InlineData("$SYS")]
    [InlineData("device_01.local:8080")]
    [InlineData("0195f0c4-8a3b-7c1d-9e2f-123456789abx")]
    public async Task Anything_else_of_1_to_50_characters_is_kept_as_it_is(string label) =>
        Assert.Equal(label, (await _client.ProvisionAsync(label)).device_label);

    [Fact]
    public async Task A_character_counts_once_whatever_it_takes_to_write_it()
    {
        var label = string.Concat(Enumerable.Repeat("🌡", 50));
        Assert.Equal(label, (await _client.ProvisionAsync(label)).device_label);
    }

    [Fact]
    public void Labels_that_are_made_up_keep_the_rules()
    {
        var labels = Enumerable.Range(0, 1000).Select(_ => DeviceLabelAttribute.MakeUp()).ToArray();
        Assert.All(labels, label => Assert.Null(DeviceLabelAttribute.Fault(label)));
        Assert.Equal(labels.Length, labels.Distinct().Count());
    }
}
