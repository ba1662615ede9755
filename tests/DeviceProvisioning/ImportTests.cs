using System.Text.Json;
using EasySmart.Contracts.Auditing;
using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Manufacturing;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>What becomes of each line of an import.</summary>
public sealed class ImportTests(DevicesHost host)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_device_gets_an_id_a_claim_code_and_its_keys()
    {
        var (hardware, label) = (Factory.NewHardwareId(), Calls.NewLabel());
        var lines = await host.Manufacturer().ImportAsync(JsonSerializer.Serialize(
            new { hardware_id = hardware, device_label = label, model = "ES-1", hardware_revision = "B", firmware_version = "1.2.3" }));
        Assert.Equal(
            ["line", "result", "hardware_id", "device_id", "device_label", "claim_code", "key_id", "hardware_id_key", "device_id_key"],
            lines[0].EnumerateObject().Select(p => p.Name));
        var device = lines[0].Deserialize<ImportedDevice>()!;
        Assert.Equal(("created", hardware, label, DevicesHost.MasterKeyId), (device.result, device.hardware_id, device.device_label, device.key_id));
        Assert.Matches("^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$", device.claim_code);
        Assert.Equal(Factory.Hmac(DevicesHost.MasterKey, hardware), device.hardware_id_key);
        Assert.Equal(Factory.Hmac(DevicesHost.MasterKey, device.device_id.ToString()), device.device_id_key);
        Assert.Equal("""{"lines":1,"created":1,"exists":0,"reissued":0,"errors":0}""", lines[1].GetRawText());
        Assert.Equal(
            "unclaimed|ES-1|B|1.2.3|" + label,
            await host.ScalarAsync<string>("SELECT concat_ws('|', status, model, hardware_revision, firmware_version, device_label) FROM devices WHERE id = $1", device.device_id));
        Assert.False(await host.ScalarAsync<bool>(
            "SELECT position(convert_to($2, 'UTF8') IN claim_code_sha256) > 0 OR octet_length(claim_code_sha256) <> 32 FROM registry WHERE device_id = $1",
            device.device_id,
            device.claim_code!));
    }

    [Fact]
    public async Task Replicas_hear_of_every_device_and_the_audit_once_of_the_import()
    {
        var client = host.Manufacturer();
        var request = $"import-{Guid.NewGuid():N}";
        client.DefaultRequestHeaders.Add("X-Request-ID", request);
        var lines = await client.ImportAsync(string.Join('\n', Enumerable.Range(0, 3).Select(_ => $$"""{"hardware_id":"{{Factory.NewHardwareId()}}"}""")) + "\n{}");
        foreach (var device in lines[..3].Select(line => line.Deserialize<ImportedDevice>()!))
        {
            var changed = await host.Events.ExpectAsync<DeviceChanged>(e => e.DeviceId == device.device_id);
            Assert.Equal((null, DeviceStatus.Unclaimed), (changed.TenantId, changed.Status));
            Assert.Equal(changed.Version, await host.ScalarAsync<long>("SELECT version FROM devices WHERE id = $1", device.device_id));
        }

        var audit = await host.Events.ExpectAsync<AuditRecorded>(e => e.RequestId == request);
        Assert.Equal(("device.imported", "import", "success", "user"), (audit.EventType, audit.Action, audit.Result, audit.ActorType));
        Assert.Equal(
            [("created", 3), ("errors", 1), ("exists", 0), ("lines", 4), ("reissued", 0)],
            audit.Metadata!.Value.EnumerateObject().Select(p => (p.Name, p.Value.GetInt32())).OrderBy(p => p.Name, StringComparer.Ordinal));
        Assert.Single(host.Events.All<AuditRecorded>(e => e.RequestId == request));
    }

    [Fact]
    public async Task A_label_that_is_taken_keeps_its_device_out_and_no_other()
    {
        var taken = (await host.Installer(Guid.CreateVersion7()).ProvisionAsync()).device_label;
        var (label, ids) = (Calls.NewLabel(), Enumerable.Range(0, 4).Select(_ => Factory.NewHardwareId()).ToArray());
        var lines = await host.Manufacturer().ImportAsync($$"""
            {"hardware_id":"{{ids[0]}}","device_label":"{{taken}}"}
            {"hardware_id":"{{ids[1]}}","device_label":"{{label}}"}
            {"hardware_id":"{{ids[2]}}","device_label":"{{label}}"}
            {"hardware_id":"{{ids[3]}}"}
            """);
        Assert.Equal(["error", "created", "error", "created"], lines[..4].Select(line => line.GetProperty("result").GetString()));
        Assert.All([lines[0], lines[2]], line => Assert.Equal("device_label already exists", line.GetProperty("message").GetString()));
    }

    [Fact]
    public async Task The_same_device_twice_in_one_file_is_an_error_also_far_apart()
    {
        var id = Factory.NewHardwareId();
        var file = string.Join('\n', Enumerable.Range(0, 2500).Select(n => $$"""{"hardware_id":"{{(n is 0 or 7 or 2400 ? id : Factory.NewHardwareId())}}"}"""));
        var lines = await host.Manufacturer().ImportAsync(file);
        Assert.Equal(Enumerable.Range(1, 2500), lines[..^1].Select(line => line.GetProperty("line").GetInt32()));
        Assert.Equal([8, 2401], lines[..^1].Where(line => line.GetProperty("result").GetString() == "error").Select(line => line.GetProperty("line").GetInt32()));
        Assert.Equal("""{"lines":2500,"created":2498,"exists":0,"reissued":0,"errors":2}""", lines[^1].GetRawText());
    }

    [Fact]
    public async Task Again_it_is_there_already_and_nothing_changes()
    {
        var first = await host.MakeDeviceAsync();
        var again = (await host.Manufacturer().ImportAsync(JsonSerializer.Serialize(new { first.hardware_id, device_label = Calls.NewLabel(), model = "other" })))[0]
            .Deserialize<ImportedDevice>();
        Assert.Equal(first with { result = "exists", claim_code = null }, again);
        Assert.True(await host.ScalarAsync<bool>("SELECT model IS NULL FROM devices WHERE id = $1", first.device_id));
        await host.Installer(Guid.CreateVersion7()).ClaimAsync(first);
    }

    [Fact]
    public async Task Codes_are_reissued_for_unclaimed_devices_only_and_the_old_ones_are_dead()
    {
        var (lost, claimed) = (await host.MakeDeviceAsync(), await host.ClaimedAsync(Guid.CreateVersion7()));
        var lines = await host.Manufacturer().ImportAsync(
            $$"""{"hardware_id":"{{lost.hardware_id}}"}""" + "\n" + $$"""{"hardware_id":"{{claimed.hardware_id}}"}""", query: "?reissue_claim_codes=true");
        Assert.Equal(["reissued", "exists"], lines[..2].Select(line => line.GetProperty("result").GetString()));
        Assert.False(lines[1].TryGetProperty("claim_code", out _));
        var client = host.Installer(Guid.CreateVersion7());
        await Envelope.AssertAsync(await client.PostClaimAsync(new { lost.device_id, lost.claim_code }), 401, "unauthorized");
        await client.ClaimAsync(lines[0].Deserialize<ImportedDevice>()!);
    }

    [Fact]
    public async Task A_device_keeps_the_master_key_that_it_was_made_with()
    {
        var device = await host.MakeDeviceAsync();
        await host.ScalarAsync<object>("UPDATE registry SET key_id = $2 WHERE device_id = $1", device.device_id, DevicesHost.EarlierMasterKeyId);
        var line = $$"""{"hardware_id":"{{device.hardware_id}}"}""";
        var again = (await host.Manufacturer().ImportAsync(line))[0].Deserialize<ImportedDevice>()!;
        Assert.Equal((DevicesHost.EarlierMasterKeyId, Factory.Hmac(DevicesHost.EarlierMasterKey, device.hardware_id!)), (again.key_id, again.hardware_id_key));
        Assert.Equal("unclaimed", await host.StatusAsync(again));

        await host.ScalarAsync<object>("UPDATE registry SET key_id = 'gone' WHERE device_id = $1", device.device_id);
        var without = (await host.Manufacturer().ImportAsync(line))[0];
        Assert.False(without.TryGetProperty("hardware_id_key", out _));
        await Envelope.AssertAsync(await host.BootstrapAsync(device.ByHardware()), 401, "unauthorized");
    }

    [Fact]
    public async Task More_than_64_MiB_is_413()
    {
        using var content = new StreamContent(new MemoryStream(new byte[(64 << 20) + 1])) { Headers = { ContentType = new("text/csv") } };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/devices/import") { Content = content };
        request.Headers.ExpectContinue = true;
        await Envelope.AssertAsync(await host.Manufacturer().SendAsync(request, Cancellation), 413, "payload_too_large");
    }

    [Fact]
    public async Task A_long_file_is_answered_line_by_line()
    {
        var prefix = Guid.NewGuid().ToString("N")[..8];
        var file = "hardware_id,model\n" + string.Concat(Enumerable.Range(0, 10_000).Select(n => $"{prefix}{n:D6},ES-1\n"));
        var lines = await host.Manufacturer().ImportAsync(file, "text/csv");
        Assert.Equal(Enumerable.Range(0, 10_000).Select(n => $"{prefix}{n:D6}"), lines[..^1].Select(line => line.GetProperty("hardware_id").GetString()));
        Assert.Equal(Enumerable.Range(2, 10_000), lines[..^1].Select(line => line.GetProperty("line").GetInt32()));
        Assert.Equal(10_000, lines[..^1].Select(line => line.GetProperty("claim_code").GetString()).Distinct().Count());
        Assert.Equal("""{"lines":10000,"created":10000,"exists":0,"reissued":0,"errors":0}""", lines[^1].GetRawText());
    }

    [Fact]
    public async Task Only_who_manufactures_may()
    {
        await Envelope.AssertAsync(await host.Installer(Guid.CreateVersion7()).PostImportAsync("{}"), 403, "forbidden");
        await Envelope.AssertAsync(await host.Anonymous().PostImportAsync("{}"), 401, "unauthorized");
    }

    [Fact]
    public async Task Two_imports_of_the_same_devices_at_once_make_them_once()
    {
        var ids = Enumerable.Range(0, 1500).Select(_ => Factory.NewHardwareId()).ToArray();
        static string File(IEnumerable<string> ids) => string.Join('\n', ids.Select(id => $$"""{"hardware_id":"{{id}}"}"""));
        var answers = await Task.WhenAll(host.Manufacturer().ImportAsync(File(ids)), host.Manufacturer().ImportAsync(File(ids.Reverse())));
        Assert.Equal(1500, answers.Sum(a => a[^1].GetProperty("created").GetInt32()));
        Assert.Equal(1500, answers.Sum(a => a[^1].GetProperty("exists").GetInt32()));
    }
}
