using System.Text;
using EasySmart.DeviceProvisioning.Manufacturing;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>How an import is written, and read line by line.</summary>
public sealed class ImportFormatTests(DevicesHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("not json", "Not valid JSON")]
    [InlineData("[1]", "Not a JSON object")]
    [InlineData("{\"hardware_id\":\"A\",\"hardware_id\":\"B\"}", "Not valid JSON")]
    [InlineData("{\"hardware_id\":\"\\ud800\"}", "Not valid JSON")]
    [InlineData("{\"hardware_id\":7}", "hardware_id: wrong type")]
    [InlineData("{\"hardware_id\":{}}", "hardware_id: wrong type")]
    [InlineData("{\"model\":\"ES-1\"}", "hardware_id: is needed")]
    [InlineData("{\"hardware_id\":\"\"}", "hardware_id: is needed")]
    [InlineData("{\"hardware_id\":\"sixteen-or-more-\"}", "hardware_id: 1 to 15")]
    [InlineData("{\"hardware_id\":\"two words\"}", "hardware_id: 1 to 15")]
    [InlineData("{\"hardware_id\":\"T-ok\",\"colour\":\"red\"}", "There is no field colour")]
    [InlineData("{\"hardware_id\":\"T-ok\",\"device_label\":\"a/b\"}", "device_label: ")]
    [InlineData("{\"hardware_id\":\"T-ok\",\"model\":\"\\u0000\"}", "model: at most 100")]
    [InlineData("{\"hardware_id\":\"T-ok\",\"device_id\":\"019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70\"}", "device_id: only for system:admin")]
    [InlineData("{\"hardware_id\":\"T-ok\",\"legacy_signing\":true}", "legacy_signing: only for system:admin")]
    public async Task A_bad_line_says_why_and_stops_no_other(string bad, string why)
    {
        var (before, after) = (Factory.NewHardwareId(), Factory.NewHardwareId());
        var lines = await host.Manufacturer().ImportAsync($$"""{"hardware_id":"{{before}}"}""" + "\n" + bad + "\r\n\n" + $$"""{"hardware_id":"{{after}}"}""");
        Assert.Equal([1, 2, 4], lines[..3].Select(line => line.GetProperty("line").GetInt32()));
        Assert.Equal(["created", "error", "created"], lines[..3].Select(line => line.GetProperty("result").GetString()));
        Assert.StartsWith(why, lines[1].GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal("""{"lines":3,"created":2,"exists":0,"reissued":0,"errors":1}""", lines[3].GetRawText());
    }

    [Fact]
    public async Task What_is_too_long_or_no_text_is_one_lines_fault()
    {
        var (first, last) = (Factory.NewHardwareId(), Factory.NewHardwareId());
        byte[] file =
        [
            0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes($$"""{"hardware_id":"{{first}}"}""" + "\n"),
            .. Enumerable.Repeat((byte)'x', 300_000), (byte)'\n', (byte)'{', 0xFF, (byte)'}', (byte)'\n',
            .. Encoding.UTF8.GetBytes($$"""{"hardware_id":"{{last}}"}"""),
        ];
        using var content = new ByteArrayContent(file) { Headers = { ContentType = new("application/jsonl") } };
        using var answer = await host.Manufacturer().PostAsync("/devices/import", content, Cancellation);
        var lines = (await answer.Content.ReadAsStringAsync(Cancellation)).Split('\n');
        Assert.Contains(first, lines[0], StringComparison.Ordinal);
        Assert.Equal("""{"line":2,"result":"error","message":"Longer than 8192 bytes"}""", lines[1]);
        Assert.Equal("""{"line":3,"result":"error","message":"Not UTF-8"}""", lines[2]);
        Assert.Contains(last, lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Csv_is_read_with_quotes_a_mark_at_its_beginning_and_any_line_ends()
    {
        var ids = Enumerable.Range(0, 4).Select(_ => Factory.NewHardwareId()).ToArray();
        var label = Calls.NewLabel();
        var lines = await host.Manufacturer().ImportAsync(
            $"\uFEFFHardware_ID,device_label,model,firmware\r\n{ids[0]},\"{label}, \"\"the first\"\"\",ES-1,1.0\n {ids[1]} ,,,\r\n\r\n{ids[2]},\"open,ES-1,1.0\n{ids[3]},,ES-1\n",
            "text/csv; charset=utf-8");
        Assert.Equal([2, 3, 5, 6], lines[..4].Select(line => line.GetProperty("line").GetInt32()));
        Assert.Equal(["created", "created", "error", "error"], lines[..4].Select(line => line.GetProperty("result").GetString()));
        Assert.Equal($"{label}, \"the first\"", lines[0].GetProperty("device_label").GetString());
        Assert.Equal(ids[1], lines[1].GetProperty("hardware_id").GetString());
        Assert.Equal("1.0", await host.ScalarAsync<string>("SELECT firmware_version FROM devices WHERE hardware_id = $1", ids[0]));
    }

    [Theory]
    [InlineData("", "A header row")]
    [InlineData("hardware_id,colour\nx,y", "The header row names a column that there is not: colour")]
    [InlineData("hardware_id,hardware_id\nx,y", "The header row names a column twice")]
    [InlineData("device_label,model\nx,y", "The header row has no column hardware_id")]
    public async Task A_header_that_cannot_be_used_is_400(string file, string why)
    {
        using var answer = await host.Manufacturer().PostImportAsync(file, "text/csv");
        var envelope = await Envelope.AssertAsync(answer, 400, "bad_request");
        Assert.StartsWith(why, envelope.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_file_of_JSON_lines_is_no_fault() =>
        Assert.Equal("""{"lines":0,"created":0,"exists":0,"reissued":0,"errors":0}""", Assert.Single(await host.Manufacturer().ImportAsync("")).GetRawText());

    [Theory]
    [InlineData("application/json")]
    [InlineData("text/plain")]
    [InlineData("")]
    public async Task Another_media_type_is_415(string type) =>
        await Envelope.AssertAsync(await host.Manufacturer().PostImportAsync("{}", type), 415, "unsupported_media_type");

    [Fact]
    public async Task Of_a_file_no_more_is_read_than_its_lines_need()
    {
        var file = new MemoryStream(Enumerable.Repeat("x\n"u8.ToArray(), 1_000_000).SelectMany(line => line).ToArray());
        var taken = 0;
        await foreach (var line in InputLines.ReadAsync(file, Cancellation))
        {
            Assert.Equal(++taken, line.Number);
            Assert.InRange(file.Position, 2L * taken, (2L * taken) + 200_000);
        }

        Assert.Equal(1_000_000, taken);
    }

    [Fact]
    public async Task A_line_that_fills_the_file_is_not_kept()
    {
        var file = new MemoryStream(Enumerable.Repeat((byte)'x', 50 << 20).ToArray());
        var before = GC.GetAllocatedBytesForCurrentThread();
        InputLine? only = null;
        // It never waits, so all that is allocated for it is allocated on this thread.
        await foreach (var line in InputLines.ReadAsync(file, Cancellation))
        {
            only = line;
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 5 << 20);
        Assert.Equal(new InputLine(1, null, "Longer than 8192 bytes"), only);
    }
}
