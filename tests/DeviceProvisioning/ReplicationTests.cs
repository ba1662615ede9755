using System.Net.Http.Json;
using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>What sister services ask.</summary>
public sealed class ReplicationTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_device_is_told_with_its_whole_state()
    {
        var device = await host.Installer(_tenant).ProvisionAsync();
        var state = await host.StateAsync(device.device_id);
        Assert.Equal(["device_id", "tenant_id", "device_label", "status", "version"], state.EnumerateObject().Select(p => p.Name));
        Assert.Equal(_tenant.ToString(), state.GetProperty("tenant_id").GetString());
        Assert.Equal(device.device_label, state.GetProperty("device_label").GetString());
        Assert.Equal("claimed", state.GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("00000000-0000-7000-8000-000000000000", 404, "not_found")]
    [InlineData("not-a-uuid", 400, "bad_request")]
    public async Task What_is_no_device_is_said_so(string id, int status, string code) =>
        await Envelope.AssertAsync(await host.Sister().GetAsync($"/internal/devices/{id}", Cancellation), status, code);

    [Fact]
    public async Task The_snapshot_is_paged_by_version_and_misses_none()
    {
        var made = new List<Guid>();
        for (var i = 0; i < 7; i++)
        {
            made.Add((await host.Installer(_tenant).ProvisionAsync()).device_id);
        }

        // Active last: it has the newest version now.
        var first = await host.StateAsync(made[0]);
        await host.ScalarAsync<object>("UPDATE devices SET version = nextval('device_version') WHERE id = $1", made[0]);
        var (after, pages, seen) = (first.GetProperty("version").GetInt64() - 1, 0, new List<Guid>());
        while (true)
        {
            var page = await host.Sister().GetFromJsonAsync<JsonElement[]>($"/internal/devices?after={after}&limit=3", Cancellation);
            if (page!.Length == 0)
            {
                break;
            }

            Assert.InRange(page.Length, 1, 3);
            var versions = page.Select(d => d.GetProperty("version").GetInt64()).ToArray();
            Assert.Equal(versions.Order(), versions);
            Assert.True(versions[0] > after);
            (after, pages) = (versions[^1], pages + 1);
            seen.AddRange(page.Select(d => d.GetProperty("device_id").GetGuid()));
        }

        Assert.True(pages >= 3);
        Assert.Equal([.. made.Skip(1), made[0]], seen.Where(made.Contains));
    }

    [Theory]
    [InlineData("?limit=0", "limit")]
    [InlineData("?limit=10001", "limit")]
    [InlineData("?after=x", "after")]
    public async Task A_bad_page_is_400(string query, string field)
    {
        var envelope = await Envelope.AssertAsync(await host.Sister().GetAsync($"/internal/devices{query}", Cancellation), 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty(field, out _), envelope.ToString());
    }

    [Theory]
    [InlineData("/internal/devices")]
    [InlineData("/internal/devices/0195f0c4-8a3b-7c1d-9e2f-123456789abc")]
    public async Task Without_the_service_key_nothing_is_told(string path)
    {
        foreach (var client in new[] { host.Direct(), host.Sister("wrong"), host.Sister(DevicesHost.HookKey) })
        {
            await Envelope.AssertAsync(await client.GetAsync(path, Cancellation), 401, "unauthorized");
        }

        await Envelope.AssertAsync(await host.Installer(_tenant).GetAsync(path, Cancellation), 403, "forbidden");
    }
}
